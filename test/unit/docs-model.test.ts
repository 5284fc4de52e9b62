import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fence, read } from '../fixtures/docs-pages.ts';
import { explore } from '../model/explore.ts';
import { FENCES } from '../model/fence.ts';
import { DISCOVERIES } from '../model/fence-scenarios.ts';
import { LARGE, SCENARIOS, scenarioNamed } from '../model/scenarios.ts';
import { traceText } from '../model/trace.ts';

/** docs/model.md says what the model is and finds. */

const page = read('docs/model.md');

test('the page shows the way to what breaks without the void', () => {
  const shown = fence(page, '').trimEnd();
  const ways = DISCOVERIES.filter((discovery) => discovery.fence === 'void').map((discovery) => {
    const scenario = scenarioNamed(discovery.scenario);
    const { violation } = explore(scenario, { without: 'void', only: discovery.breaks });
    return violation === null ? '' : traceText(scenario, violation).trimEnd();
  });
  assert.ok(
    ways.some((way) => way.endsWith(shown)),
    `expected one of these:\n${ways.join('\n')}`,
  );
});

test('the page counts the scenarios', () => {
  assert.match(page, new RegExp(`\`make test\` explores ${SCENARIOS.length} scenarios`));
  assert.match(page, new RegExp(`explores these and ${LARGE.length} larger ones`));
});

test('the page names a scenario and a fence that there are', () => {
  const [, scenario = '', name = ''] = /SCENARIO="(.*?)" FENCE="(.*?)"/.exec(page) ?? [];
  assert.ok(
    [...SCENARIOS, ...LARGE].some((each) => each.name.includes(scenario)),
    scenario,
  );
  assert.ok(
    FENCES.some((each) => each === name),
    name,
  );
});
