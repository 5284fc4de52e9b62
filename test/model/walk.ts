import { nextSteps, type Step, worldOf } from './explore.ts';
import type { Fence } from './fence.ts';
import { initialState } from './invariants.ts';
import type { Scripts } from './protocol.ts';
import type { Scenario } from './scenario.ts';
import type { State } from './state.ts';

/** A script as the model called it. */
export type Call = {
  readonly [Name in keyof Scripts]: {
    readonly script: Name;
    readonly args: Parameters<Scripts[Name]>;
    readonly result: ReturnType<Scripts[Name]>['result'];
  };
}[keyof Scripts];

export interface WalkStep extends Step {
  /** Null for a step that calls no script. */
  readonly call: Call | null;
}

const SCRIPT_STEP = /^(lease|fill|release|apply|settle)/;

/** One interleaving, chosen at random, with the scripts that it calls. */
export function walk(
  scenario: Scenario,
  random: () => number,
  length: number,
  without?: Fence,
): { readonly first: State; readonly steps: readonly WalkStep[] } {
  let last: Call | null = null;
  const plain = worldOf(scenario, without);
  const scripts = recording(plain.scripts, (call) => {
    last = call;
  });
  const world = { ...plain, scripts, idleSteps: true };
  const first = initialState(scenario);
  const steps: WalkStep[] = [];
  for (let state = first; steps.length < length; ) {
    const choices: WalkStep[] = [];
    nextSteps(state, world, (who, what, result, next) => {
      choices.push({ who, what, result, next, call: SCRIPT_STEP.test(what) ? last : null });
    });
    const chosen = choices[Math.floor(random() * choices.length)];
    if (chosen === undefined) break;
    steps.push(chosen);
    state = chosen.next;
  }
  return { first, steps };
}

function recording(scripts: Scripts, tell: (call: Call) => void): Scripts {
  return {
    lease: (...args) => told(scripts.lease(...args), (result) => tell({ script: 'lease', args, result })),
    fill: (...args) => told(scripts.fill(...args), (result) => tell({ script: 'fill', args, result })),
    release: (...args) =>
      told(scripts.release(...args), (result) => tell({ script: 'release', args, result })),
    fillAbsent: (...args) =>
      told(scripts.fillAbsent(...args), (result) => tell({ script: 'fillAbsent', args, result })),
    mark: (...args) => told(scripts.mark(...args), (result) => tell({ script: 'mark', args, result })),
    drop: (...args) => told(scripts.drop(...args), (result) => tell({ script: 'drop', args, result })),
    settle: (...args) => told(scripts.settle(...args), (result) => tell({ script: 'settle', args, result })),
  };
}

function told<R, T extends { readonly result: R }>(ended: T, tell: (result: T['result']) => void): T {
  tell(ended.result);
  return ended;
}
