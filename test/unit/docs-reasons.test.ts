import assert from 'node:assert/strict';
import { globSync } from 'node:fs';
import { describe, it } from 'node:test';
import { CONDITION_REASONS } from '../../api/conditions.ts';
import { CONFIRMATION_OUTCOMES, CONFIRMATION_TYPE, parseConfirmation } from '../../api/confirmation.ts';
import { MALFORMED_REASONS } from '../../api/event.ts';
import { CATCH_UP_TRIGGERS } from '../../api/maintenance.ts';
import { HEADERS } from '../../api/names.ts';
import { policyStatus } from '../../api/policy-status.ts';
import { PAUSE_REASONS } from '../../api/worker-report.ts';
import { inputCheck } from '../../cdk8s/input-check.ts';
import type { PublishFailure } from '../../publisher/index.ts';
import type { Retry } from '../../worker/decide.ts';
import { replyAddress } from '../../worker/reply-address.ts';
import { column, fence, PAGES, ROOT, read, section, words } from '../fixtures/docs-pages.ts';

/** The pages list each reason and outcome of the code, and no other. */

const notReady = read('docs/runbooks/not-ready.md');
const catchUp = read('docs/runbooks/catch-up.md');
const confirmation = read('docs/confirmation.md');

/** All is well: nobody looks them up. */
const WELL = [
  'Ready',
  'TopologyDeclared',
  'WorkersAvailable',
  'MaintenanceAvailable',
  'TtlPublished',
  'ScalingActive',
  'ManualScaling',
] as const;

const SCALING = ['MetricsUnavailable', 'WorkersCannotHelp'];

const PUBLISH_FAILURES: Record<PublishFailure, 'publish' | 'publishAndWait'> = {
  NotConfirmed: 'publishAndWait',
  Unseen: 'publishAndWait',
  DeadLettered: 'publishAndWait',
  TimedOut: 'publish',
  Refused: 'publish',
  Unroutable: 'publish',
  Invalid: 'publish',
  Closed: 'publish',
};

const LAST_ATTEMPT: Record<Retry['reason'], true> = {
  OrderNotFound: true,
  RowBehind: true,
  RowRefused: true,
  ProcessingFailed: true,
};

const told = (found: readonly string[], known: readonly string[]) =>
  assert.deepEqual([...found].sort(), [...known].sort());
const without = (all: readonly string[], some: readonly string[]) =>
  all.filter((each) => !some.includes(each));

describe('the runbook of a policy that is not Ready', () => {
  const reasons = section(notReady, 'Reasons');

  it('has each reason of a condition that is not well', () => {
    told(column(reasons, 0), without(CONDITION_REASONS, [...WELL, ...SCALING]));
  });

  it('tells apart the reasons that do not touch Ready', () => {
    const [, paragraph = ''] = reasons.split('`ScalingActive` is False');
    told(
      words(paragraph).filter((word) => word !== 'Ready'),
      SCALING,
    );
  });

  it('has each reason of a dead letter that is not malformed, and its headers', () => {
    const text = section(notReady, 'Dead letters');
    told(column(text, 0), Object.keys(LAST_ATTEMPT));
    const headers = words(text).filter((word) => word.startsWith('x-'));
    assert.deepEqual(without(headers, Object.values(HEADERS)), []);
  });
});

describe('the runbook of the catch-up', () => {
  it('has each reason of MaintenanceReady', () => {
    const known = CONDITION_REASONS.filter((reason) => /^Maintenance|^CatchUp/.test(reason));
    const listed = column(section(catchUp, 'MaintenanceReady is False'), 0);
    told(listed, ['RollingOut', ...without(known, WELL)]);
  });

  it('shows a status that there can be', () => {
    const example = /^\{.*\}$/m.exec(section(catchUp, 'See how far it is'))?.[0] ?? '';
    const shown = JSON.parse(example.replace('"..."', '"2026-11-22T10:00:00Z"'));
    assert.deepEqual(inputCheck(policyStatus)({ catchUp: shown }), []);
    const triggers = [...catchUp.matchAll(/`trigger: (\w+)`/g)].map(([, name = '']) => name);
    assert.deepEqual(without(triggers, CATCH_UP_TRIGGERS), []);
  });

  it('goes with a page that has each trigger', () => {
    told(column(section(read('docs/architecture.md'), 'Catch-up'), 1), CATCH_UP_TRIGGERS);
  });
});

describe('docs/confirmation.md', () => {
  const waiting = section(confirmation, 'Waiting until readers see it');

  it('has each reason for which publishing fails, those of publish last', () => {
    const reasons = column(waiting, 0);
    told(reasons, Object.keys(PUBLISH_FAILURES));
    const kinds = reasons.map((reason) => PUBLISH_FAILURES[reason as PublishFailure]);
    assert.deepEqual(kinds, [...kinds].sort().reverse());
    assert.equal(kinds.filter((kind) => kind === 'publish').length, 5);
    assert.match(waiting, /`publish` has these last five, too\./);
  });

  it('has each outcome', () => {
    told(column(section(confirmation, 'What is published'), 0), CONFIRMATION_OUTCOMES);
  });

  it('shows a confirmation that can be read, and its type', () => {
    const shown = fence(confirmation, 'json');
    assert.deepEqual(parseConfirmation(Buffer.from(shown)), JSON.parse(shown));
    assert.ok(words(section(confirmation, 'What is published')).includes(CONFIRMATION_TYPE));
  });

  it('names the queues that may be replied to', () => {
    const [paragraph = ''] = section(confirmation, 'Who may name which queue').split(
      ' Another name is refused',
    );
    const [, names = ''] = paragraph.split('these names are taken:');
    const allowed = words(names).map((name) => name.replace('…', 'x'));
    assert.equal(allowed.length, 4);
    const kinds = allowed.map((name) => replyAddress(name).kind);
    // The second of them is what an initiator writes; the broker puts the first in its place.
    assert.deepEqual(kinds, ['Allowed', 'Refused', 'Allowed', 'Allowed']);
  });
});

describe('PascalCase words of the pages', () => {
  const sources = globSync('{api,cache,cdk8s,maintenance,operator,publisher,worker}/**/*.ts', { cwd: ROOT });
  const code = sources.map(read).join('\n');
  const reasons: readonly string[] = [...CONDITION_REASONS, ...MALFORMED_REASONS, ...PAUSE_REASONS];

  for (const page of PAGES) {
    it(`${page}: are reasons, values or names that the code has, too`, () => {
      const named = words(read(page)).filter((word) => /^(?:[A-Z][a-z]+){2,}$/.test(word));
      const strange = named.filter(
        (word) => !reasons.includes(word) && !new RegExp(`\\b${word}\\b`).test(code),
      );
      assert.deepEqual(strange, []);
    });
  }
});
