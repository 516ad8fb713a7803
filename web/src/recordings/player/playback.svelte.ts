// Listening to one recording for one purpose: the sound, where it is, and whether it still may be heard.
import type { Recording } from '$lib/api/types';
import { api, clock, take } from '$lib/api/client';
import { asApiError, type ApiError } from '$lib/api/problem';
import { Parties } from './parties';
import { afterSilence, silences, type Stretch } from './silence';

/** How often the vault is asked, while it plays, whether that is still allowed. */
const WATCH_MS = 5000;
/** The longest that a browser's timer can wait. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 1.75, 2] as const;

export interface Wish {
  purpose: string;
  case?: string | undefined;
}

export class Playback {
  state = $state<'opening' | 'ready' | 'failed' | 'stopped'>('opening');
  /** Why it could not be opened. */
  error = $state.raw<ApiError | undefined>(undefined);
  playing = $state(false);
  at = $state(0);
  duration = $state(0);
  speed = $state(1);
  skipsSilence = $state(false);
  loops = $state(false);
  /** The part that was chosen, to repeat, note or keep. */
  part = $state.raw<Stretch | undefined>(undefined);
  muted = $state<boolean[]>([false, false]);
  /** The loudest of each moment, a channel each. */
  loudness = $state.raw<number[][]>([]);

  /** Where it begins. */
  begin = 0;

  readonly media = new Audio();
  #parties: Parties | undefined;
  #silences: Stretch[] = [];
  #timers: ReturnType<typeof setTimeout>[] = [];
  #frame = 0;
  #looked = 0;
  #renewing = false;
  #closed = false;

  constructor(
    readonly recording: Recording,
    readonly wish: Wish,
    /** Told when it may no longer be heard. */
    readonly onstop: () => void,
  ) {
    this.duration = recording.duration ?? 0;
    this.media.preload = 'metadata';
    const on = (name: string, what: () => void) => this.media.addEventListener(name, what);
    on('timeupdate', this.#tick);
    on('seeked', this.#tick);
    on('durationchange', () => {
      if (Number.isFinite(this.media.duration)) this.duration = this.media.duration;
    });
    on('play', () => {
      this.playing = true;
      this.#frame = requestAnimationFrame(this.#run);
    });
    on('pause', () => (this.playing = false));
    on('ended', () => (this.playing = false));
    on('error', () => void this.#renew());
  }

  /** Fetches the drawing and an address for the sound. */
  open = async (): Promise<void> => {
    this.state = 'opening';
    this.error = undefined;
    const path = { id: this.recording.id };
    const query = this.wish as { purpose: string; case?: string };
    try {
      const [drawing, url] = await Promise.all([
        take(api.GET('/v1/recordings/{id}/waveform', { params: { path, query } })),
        this.#address(),
      ]);
      if (this.#closed) return;
      this.loudness = drawing.peaks.map((channel) =>
        channel.map(([low = 0, high = 0]) => Math.max(-low, high)),
      );
      this.duration ||= drawing.duration;
      this.#silences = silences(this.loudness, drawing.duration);
      this.media.src = url;
      if (this.begin) this.media.currentTime = this.at = this.begin;
      this.state = 'ready';
      this.#guard();
    } catch (thrown) {
      if (this.#closed) return;
      this.error = asApiError(thrown);
      this.state = 'failed';
      if (this.error.status === 410 || this.error.status === 423) this.stop();
    }
  };

  async #address(): Promise<string> {
    const params = { path: { id: this.recording.id } };
    const ticket = await take(
      api.POST('/v1/recordings/{id}/playback', { params, body: { ...this.wish } }),
    );
    // Browsers do not know every codec of a telephone; WAV they all play and seek in.
    return `${ticket.url}?as=wav`;
  }

  /** An address works for a while only: another one, and on from the same moment. Once. */
  async #renew(): Promise<void> {
    if (this.#closed || this.state !== 'ready' || !this.media.getAttribute('src')) return;
    if (!(await this.#allowed())) return this.stop();
    if (this.#renewing) {
      this.state = 'failed';
      return;
    }
    this.#renewing = true;
    const [at, playing] = [this.at, this.playing];
    try {
      this.media.src = await this.#address();
      this.media.addEventListener(
        'loadedmetadata',
        () => {
          this.media.currentTime = at;
          if (playing) void this.media.play();
          this.#renewing = false;
        },
        { once: true },
      );
    } catch (thrown) {
      this.error = asApiError(thrown);
      this.state = 'failed';
    }
  }

  /** Stops at the instant it is due, and soon after anything else that forbids it. */
  #guard(): void {
    const due = Date.parse(this.recording.due_at) - clock.now();
    if (!this.recording.held && due < LONGEST_TIMER_MS) {
      this.#timers.push(setTimeout(() => this.stop(), Math.max(0, due)));
    }
    const watch = setInterval(() => {
      if (this.playing) void this.#look();
    }, WATCH_MS);
    this.#timers.push(watch);
  }

  async #look(): Promise<void> {
    this.#looked = Date.now();
    if (!(await this.#allowed())) this.stop();
  }

  /** Whether it may be heard now. No answer is no reason to stop: the vault refuses the sound itself. */
  async #allowed(): Promise<boolean> {
    try {
      const params = { path: { id: this.recording.id } };
      const now = await take(api.GET('/v1/recordings/{id}', { params }));
      return now.purposes.includes(this.wish.purpose);
    } catch (thrown) {
      return asApiError(thrown).passes;
    }
  }

  /** Ends it for good: nothing of the sound stays in the page. */
  stop(): void {
    if (this.state === 'stopped') return;
    this.state = 'stopped';
    this.close();
    this.onstop();
  }

  close(): void {
    this.#closed = true;
    this.#timers.forEach(clearTimeout);
    cancelAnimationFrame(this.#frame);
    this.media.pause();
    this.media.removeAttribute('src');
    this.media.load();
    this.playing = false;
    this.#parties?.close();
  }

  #run = (): void => {
    this.#tick();
    if (!this.media.paused) this.#frame = requestAnimationFrame(this.#run);
  };

  #tick = (): void => {
    const { part } = this;
    let at = this.media.currentTime;
    if (!this.media.paused) {
      if (this.loops && part && (at >= part.to || at < part.from - 0.1)) at = part.from;
      else if (this.skipsSilence) at = afterSilence(this.#silences, at) ?? at;
      if (at !== this.media.currentTime) this.media.currentTime = at;
    }
    this.at = at;
  };

  toggle = async (): Promise<void> => {
    if (this.state !== 'ready') return;
    if (!this.media.paused) return this.media.pause();
    if (Date.now() - this.#looked > WATCH_MS) void this.#look();
    if (this.media.ended) this.media.currentTime = 0;
    // Refused when it is paused or closed before it began: nothing to tell.
    await this.media.play().catch(() => {});
  };

  seek(to: number): void {
    if (this.state !== 'ready') return;
    this.media.currentTime = Math.min(Math.max(0, to), this.duration);
    this.at = this.media.currentTime;
  }

  setSpeed(speed: number): void {
    this.speed = speed;
    this.media.defaultPlaybackRate = this.media.playbackRate = speed;
  }

  /** One step slower or faster. */
  stepSpeed(by: 1 | -1): void {
    const step = SPEEDS.findIndex((speed) => speed === this.speed) + by;
    const speed = SPEEDS[step];
    if (speed) this.setSpeed(speed);
  }

  /** Marks where the part begins or ends. */
  mark(edge: 'from' | 'to', at = this.at): void {
    const { from, to } = { from: 0, to: this.duration, ...this.part };
    if (edge === 'from') this.part = { from: at, to: to > at ? to : this.duration };
    else this.part = { from: from < at ? from : 0, to: at };
  }

  get stereo(): boolean {
    return this.loudness.length === 2;
  }

  async toggleParty(party: number): Promise<void> {
    if (!this.stereo) return;
    this.muted = this.muted.map((muted, index) => (index === party ? !muted : muted));
    this.#parties ??= new Parties(this.media);
    await this.#parties.mute(this.muted);
  }
}
