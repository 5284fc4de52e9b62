import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explore } from '../model/explore.ts';
import { FENCES } from '../model/fence.ts';
import { DISCOVERIES, SUPERFLUOUS } from '../model/fence-scenarios.ts';
import { LIMITS, scenarioNamed } from '../model/scenarios.ts';
import { traceText } from '../model/trace.ts';

for (const { fence, scenario: name, breaks } of DISCOVERIES) {
  test(`without "${fence}", "${name}" ends in ${breaks}`, (t) => {
    const scenario = scenarioNamed(name);
    const { violation } = explore(scenario, { without: fence, only: breaks, maxStates: 1_000_000 });
    assert.ok(violation, 'no interleaving breaks it');
    t.diagnostic(traceText(scenario, violation));
  });
}

for (const scenario of LIMITS) {
  test(`a limit: ${scenario.name}`, (t) => {
    const { violation } = explore(scenario);
    assert.ok(violation, 'no interleaving breaks it: it is a limit no more');
    assert.ok(violation.what.startsWith(scenario.limit ?? 'none'), violation.what);
    t.diagnostic(traceText(scenario, violation));
  });
}

for (const fence of SUPERFLUOUS) {
  test(`without "${fence}" nothing breaks, even when a command runs twice`, () => {
    const scenario = scenarioNamed('outage in the middle');
    assert.equal(explore(scenario, { without: fence }).violation, null);
  });
}

test('every fence is either found out by a scenario or known to be superfluous', () => {
  const found = new Set(DISCOVERIES.map(({ fence }) => fence));
  assert.deepEqual(
    FENCES.filter((fence) => !found.has(fence)),
    SUPERFLUOUS,
  );
});
