// What the top line says, and whether it is good news.
import { clock, type Schemas } from '$lib/api/client';
import { number } from '$lib/format';
import { t } from '$lib/i18n.svelte';
import { lasting } from '$lib/lasting';

export type Summary = Schemas['Compliance'];
export type Log = Schemas['LogItem'];
export type Hold = Schemas['HoldView'];

export interface Fact {
  name: string;
  value: string;
  tone: 'good' | 'warning' | 'danger' | 'plain';
  detail?: string | undefined;
  href?: string | undefined;
}

/** A checkpoint is at most seconds behind the ledger; one that is older than this needs a look. */
const STALE_S = 120;
const DAY_S = 86_400;

function overdue(summary: Summary): Fact {
  return {
    name: t('compliance.overdue'),
    value: number(summary.overdue),
    tone: summary.overdue ? 'danger' : 'good',
    detail: summary.overdue_since
      ? t('compliance.overdue_for', {
          time: lasting((clock.now() - Date.parse(summary.overdue_since)) / 1000),
        })
      : t('compliance.nothing_overdue'),
  };
}

function oldest(summary: Summary): Fact {
  const seconds = summary.oldest_support_s;
  return {
    name: t('compliance.oldest'),
    value: typeof seconds === 'number' ? lasting(seconds) : t('compliance.no_recordings'),
    tone: typeof seconds !== 'number' ? 'plain' : summary.overdue ? 'warning' : 'good',
  };
}

function evidence(summary: Summary, logs: Log[]): Fact {
  const behind = summary.ledger_size > summary.ledger_signed;
  const age = summary.checkpoint_age_s ?? null;
  const witnesses = logs.flatMap((log) => log.witnesses);
  const failing = witnesses.filter((witness) => witness.failing_since).length;
  const late = behind && (age === null || age > STALE_S);
  return {
    name: t('compliance.evidence'),
    value: behind
      ? t('compliance.unsigned', { count: summary.ledger_size - summary.ledger_signed })
      : t('compliance.all_signed'),
    tone: late ? 'danger' : failing ? 'warning' : 'good',
    detail: [
      age === null ? '' : t('compliance.signed_ago', { time: lasting(age, 1) }),
      witnesses.length
        ? t('compliance.witnesses', {
            good: witnesses.length - failing,
            count: witnesses.length,
          })
        : t('compliance.no_witnesses'),
    ]
      .filter(Boolean)
      .join(' · '),
  };
}

function store(summary: Summary): Fact {
  const { orphans, missing } = summary;
  if (typeof orphans !== 'number' || typeof missing !== 'number') {
    return {
      name: t('compliance.store'),
      value: t('compliance.never_compared'),
      tone: 'warning',
      detail: t('compliance.compare_hint'),
    };
  }
  const off = orphans + missing + summary.lost;
  return {
    name: t('compliance.store'),
    value: number(off),
    tone: off ? 'danger' : 'good',
    detail: off
      ? t('compliance.store_detail', { orphans, missing, lost: summary.lost })
      : t('compliance.store_good'),
  };
}

function deadline(holds: Hold[]): Fact {
  const next = holds.map((hold) => hold.review_on).sort()[0];
  const late = holds.filter((hold) => hold.overdue).length;
  if (!next) {
    return {
      name: t('compliance.deadline'),
      value: t('compliance.no_deadline'),
      tone: 'good',
      href: '/holds',
    };
  }
  const left = (Date.parse(next) - clock.now()) / 1000;
  return {
    name: t('compliance.deadline'),
    value: late
      ? t('compliance.late', { count: late })
      : t('compliance.in', { time: lasting(Math.max(left, 3600), 1) }),
    tone: late ? 'danger' : left < 7 * DAY_S ? 'warning' : 'good',
    detail: t('compliance.review_of_hold'),
    href: late ? '/holds?review=overdue' : '/holds',
  };
}

/** The five facts, in the order in which they matter. */
export function topLine(summary: Summary, logs: Log[], holds: Hold[]): Fact[] {
  return [
    overdue(summary),
    oldest(summary),
    evidence(summary, logs),
    store(summary),
    deadline(holds),
  ];
}
