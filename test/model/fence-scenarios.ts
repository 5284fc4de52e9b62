import type { Fence } from './fence.ts';

export interface Discovery {
  readonly fence: Fence;
  readonly scenario: string;
  /** What is broken without the fence; several ways are asked for one by one. */
  readonly breaks: 'C1' | 'C2' | 'C4' | 'C5' | 'W9' | 'frozen';
}

/** Which scenario finds out that a fence is gone. */
export const DISCOVERIES: readonly Discovery[] = [
  { fence: 'lease check in fill', scenario: 'two readers', breaks: 'C4' },
  { fence: 'lease check in fill', scenario: 'events without versions', breaks: 'C1' },
  { fence: 'void', scenario: 'two readers', breaks: 'C4' },
  { fence: 'void', scenario: 'events without versions', breaks: 'C1' },
  { fence: 'ticket', scenario: 'events without versions', breaks: 'C2' },
  { fence: 'ticket', scenario: 'two changes, two workers', breaks: 'C1' },
  { fence: 'drop on refusal', scenario: 'two changes, two workers', breaks: 'C1' },
  { fence: 'settle of the absent', scenario: 'ReadThrough', breaks: 'C1' },
  { fence: 'settle of the absent', scenario: 'two changes, two workers', breaks: 'C1' },
  { fence: 'wait for the row', scenario: 'two changes, two workers', breaks: 'C1' },
  { fence: 'guarded SQL', scenario: 'writer Worker by version', breaks: 'W9' },
  { fence: 'guarded SQL', scenario: 'writer Worker by timestamp', breaks: 'W9' },
  { fence: 'late joiners', scenario: 'batches', breaks: 'C1' },
  { fence: 'tie', scenario: 'writer Worker by timestamp', breaks: 'W9' },
  { fence: 'skew', scenario: 'writer Worker by timestamp', breaks: 'frozen' },
  { fence: 'ack before effect', scenario: 'batches', breaks: 'C1' },
  { fence: 'contiguous prefix', scenario: 'batches', breaks: 'C5' },
  { fence: 'contiguous prefix', scenario: 'batches', breaks: 'C1' },
  { fence: 'channel identity', scenario: 'batches', breaks: 'C5' },
  { fence: 'channel identity', scenario: 'batches', breaks: 'C1' },
  { fence: 'catch-up after failover', scenario: 'failover', breaks: 'C1' },
  { fence: 'catch-up after failover', scenario: 'lost events', breaks: 'C1' },
  { fence: 'a lease is the reader’s own', scenario: 'two readers', breaks: 'C4' },
  { fence: 'row read after apply', scenario: 'events without versions', breaks: 'C2' },
  { fence: 'row read after lease', scenario: 'two readers', breaks: 'C4' },
  { fence: 'wait for the missing row', scenario: 'created, told of before commit', breaks: 'C1' },
  { fence: 'the row decides', scenario: 'versions of now()', breaks: 'frozen' },
];

/**
 * No scenario finds it out: a ticket settles one row only, so using it twice writes that row or meets another's ticket.
 * It would matter if one ticket could ever settle two rows.
 */
export const SUPERFLUOUS: readonly Fence[] = ['a ticket is used up'];
