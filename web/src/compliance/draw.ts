// Draws bars with Chart.js, of which only that is loaded, and only by the page that has charts.
import { BarController, BarElement, CategoryScale, Chart, LinearScale } from 'chart.js';

Chart.register(BarController, BarElement, CategoryScale, LinearScale);

/** One bar. */
export interface Bar {
  name: string;
  value: number;
}

/** Draws the bars, lying; gives back what ends the drawing. */
export function draw(
  canvas: HTMLCanvasElement,
  bars: Bar[],
  label: (value: number) => string,
): () => void {
  const colour = (name: string) => getComputedStyle(canvas).getPropertyValue(name).trim();
  const font = { family: getComputedStyle(canvas).fontFamily, size: 12 };
  const chart = new Chart(canvas, {
    type: 'bar',
    data: {
      labels: bars.map(({ name }) => name),
      datasets: [{ data: bars.map(({ value }) => value), backgroundColor: colour('--accent') }],
    },
    options: {
      indexAxis: 'y',
      animation: false,
      responsive: true,
      maintainAspectRatio: false,
      events: [],
      datasets: { bar: { maxBarThickness: 22, borderRadius: 4 } },
      scales: {
        x: {
          beginAtZero: true,
          ticks: {
            color: colour('--muted'),
            font,
            maxTicksLimit: 5,
            precision: 0,
            callback: (value) => label(Number(value)),
          },
          grid: { color: colour('--line') },
        },
        y: { ticks: { color: colour('--muted'), font }, grid: { display: false } },
      },
    },
  });
  return () => chart.destroy();
}
