import type { CatchUpTrigger } from '../api/maintenance.ts';
import type { OrderCachePolicyStatus } from '../api/policy.ts';
import type { Notice } from './event-recorder.ts';

type CatchUpStatus = NonNullable<OrderCachePolicyStatus['catchUp']>;

const BECAUSE: Readonly<Record<CatchUpTrigger, string>> = {
  FirstStart: 'nothing is known of an earlier time',
  RedisChanged: 'Redis was restarted, restored or failed over',
  QueueLost: 'the queue had to be declared anew',
  Requested: 'the annotation ordercache.io/catch-up has another value',
};

/** What is worth an event between what the status said and what it says now. Pure. */
export function catchUpNotices(
  before: CatchUpStatus | undefined,
  now: CatchUpStatus | undefined,
): readonly Notice[] {
  if (now === undefined) return [];
  const notices: Notice[] = [];
  const action = 'CatchUp';
  if (now.startedAt !== undefined && now.startedAt !== before?.startedAt) {
    const because = now.trigger === undefined ? '' : `: ${BECAUSE[now.trigger]}`;
    const note = `Every order in Redis is compared with the database${because}`;
    notices.push({ type: 'Normal', reason: 'CatchUpStarted', action, note });
  }
  if (now.completedAt !== undefined && now.completedAt !== before?.completedAt) {
    const { orders, updated, dropped } = now;
    const note = `${orders} orders in Redis were compared with the database: ${updated} updated, ${dropped} dropped`;
    notices.push({ type: 'Normal', reason: 'CatchUpCompleted', action, note });
  }
  if (now.state === 'Failed' && before?.state !== 'Failed') {
    const note = 'The catch-up fails and is tried again; see the log of the maintenance pod';
    notices.push({ type: 'Warning', reason: 'CatchUpFailed', action, note });
  }
  return notices;
}
