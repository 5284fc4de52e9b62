import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explore } from '../model/explore.ts';
import { SCENARIOS } from '../model/scenarios.ts';
import { traceText } from '../model/trace.ts';

for (const scenario of SCENARIOS) {
  test(`no interleaving breaks "${scenario.name}": ${scenario.about}`, (t) => {
    const { states, transitions, quiet, seconds, violation } = explore(scenario);
    assert.equal(violation && traceText(scenario, violation), null);
    assert.ok(quiet > 1, 'the streams never went quiet');
    t.diagnostic(`${states} states, ${transitions} transitions, ${quiet} quiet, ${seconds.toFixed(1)} s`);
  });
}
