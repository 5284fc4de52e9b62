/**
 * `make model`: every scenario and its figures, then what ends in a violation as documented, then each fence.
 *
 *   node test/model/main.ts [part of a scenario's name [fence that is taken down]]
 */
import { type Exploration, explore } from './explore.ts';
import { FENCES, type Fence } from './fence.ts';
import type { Scenario } from './scenario.ts';
import { LARGE, LIMITS, SCENARIOS } from './scenarios.ts';
import { traceText } from './trace.ts';

const [, , part = '', fence] = process.argv;
const without: Fence | undefined = FENCES.find((each) => each === fence);

function figures(
  scenario: Scenario,
  { states, transitions, depth, seconds, violation }: Exploration,
): string {
  const numbers = [states, transitions, depth].map((number) => number.toLocaleString('en').padStart(12));
  return `${scenario.name.padEnd(56)}${numbers.join('')}${seconds.toFixed(1).padStart(8)}  ${violation?.what ?? ''}`;
}

let failures = 0;
const total = { states: 0, transitions: 0, seconds: 0 };
console.log(`${'scenario'.padEnd(62)}states transitions       depth seconds`);
for (const scenario of [...SCENARIOS, ...LARGE, ...LIMITS].filter(({ name }) => name.includes(part))) {
  const found = explore(scenario, { without });
  total.states += found.states;
  total.transitions += found.transitions;
  total.seconds += found.seconds;
  console.log(figures(scenario, found));
  const expected = scenario.limit !== undefined || without !== undefined;
  if ((found.violation !== null) !== expected) failures += 1;
  if (found.violation !== null) console.log(traceText(scenario, found.violation));
}
const { states, transitions, seconds } = total;
console.log(
  `${states.toLocaleString('en')} states, ${transitions.toLocaleString('en')} transitions, ${seconds.toFixed(0)} s, ${failures} not as expected`,
);
process.exit(failures === 0 ? 0 : 1);
