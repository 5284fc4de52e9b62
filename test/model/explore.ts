import { Encoding } from './encoding.ts';
import { type Fence, fences } from './fence.ts';
import { initiatorSteps } from './initiators.ts';
import { brokenBy, initialState, isQuiet } from './invariants.ts';
import { scripts } from './protocol.ts';
import { readerSteps } from './readers.ts';
import type { Scenario } from './scenario.ts';
import { SeenStates } from './seen-states.ts';
import type { State } from './state.ts';
import { catchUpSteps, faultSteps } from './surroundings.ts';
import { workerSteps } from './workers.ts';
import type { Emit, World } from './world.ts';

export interface Step {
  readonly who: string;
  readonly what: string;
  readonly result: string;
  readonly next: State;
}

export interface Violation {
  /** Which invariant, and how it was broken. */
  readonly what: string;
  /** From the first state to the one that breaks it: no shorter way is known. */
  readonly steps: readonly Step[];
}

export interface Exploration {
  readonly states: number;
  readonly transitions: number;
  /** States in which the streams were quiet. */
  readonly quiet: number;
  readonly depth: number;
  readonly seconds: number;
  /** The nearest one; exploration ends there. */
  readonly violation: Violation | null;
}

export interface ExploreOptions {
  readonly without?: Fence | undefined;
  /** Only violations whose text begins so; the others are passed over. */
  readonly only?: string;
  /** More states than this are an error: nothing is left out silently. Default: 20 million. */
  readonly maxStates?: number;
}

export class TooManyStates extends Error {
  override readonly name = 'TooManyStates';
}

export function worldOf(scenario: Scenario, without?: Fence): World {
  const standing = fences(without);
  return { scenario, fences: standing, scripts: scripts(standing), idleSteps: false };
}

/** Everything that may happen next. */
export function nextSteps(state: State, world: World, emit: Emit): void {
  initiatorSteps(state, world, emit);
  workerSteps(state, world, emit);
  readerSteps(state, world, emit);
  catchUpSteps(state, world, emit);
  faultSteps(state, world, emit);
}

/** Breadth first, over every interleaving. */
export function explore(scenario: Scenario, options: ExploreOptions = {}): Exploration {
  return new Explorer(scenario, options).run();
}

class Explorer {
  readonly #scenario: Scenario;
  readonly #options: ExploreOptions;
  readonly #world: World;
  readonly #encoding: Encoding;
  readonly #seen = new SeenStates();
  /** By state: the state before it, and which of that one's steps led to it. */
  readonly #cameFrom: number[] = [];
  readonly #byStep: number[] = [];
  #transitions = 0;
  #quiet = 0;
  #found: { readonly what: string; readonly from: number; readonly step: number } | null = null;

  constructor(scenario: Scenario, options: ExploreOptions) {
    this.#scenario = scenario;
    this.#options = options;
    this.#world = worldOf(scenario, options.without);
    this.#encoding = new Encoding(scenario);
  }

  run(): Exploration {
    const startedAt = performance.now();
    let level: { id: number; state: State }[] = [];
    const first = initialState(this.#scenario);
    if (this.#isNew(first, -1, 0)) level.push({ id: 0, state: first });
    let depth = 0;
    while (level.length > 0 && this.#found === null) {
      depth++;
      const nextLevel: { id: number; state: State }[] = [];
      for (const { id, state } of level) {
        this.#expand(id, state, nextLevel);
        if (this.#found !== null) break;
      }
      level = nextLevel;
    }
    return {
      states: this.#seen.count,
      transitions: this.#transitions,
      quiet: this.#quiet,
      depth,
      seconds: (performance.now() - startedAt) / 1000,
      violation: this.#violation(),
    };
  }

  #expand(id: number, state: State, nextLevel: { id: number; state: State }[]): void {
    let step = 0;
    nextSteps(state, this.#world, (_who, _what, _result, next, violation) => {
      this.#transitions++;
      const at = step++;
      if (this.#found !== null) return;
      if (violation !== undefined) this.#report(violation, id, at);
      if (!this.#isNew(next, id, at)) return;
      for (const broken of this.#brokenBy(next)) this.#report(broken, id, at);
      nextLevel.push({ id: this.#cameFrom.length - 1, state: next });
    });
    if (step === 0 && !isQuiet(state)) {
      const parent = this.#cameFrom[id] ?? -1;
      this.#report('stuck: work is left and nobody can do it', parent, this.#byStep[id] ?? 0);
    }
  }

  #brokenBy(state: State): readonly string[] {
    if (isQuiet(state)) this.#quiet++;
    return brokenBy(state, this.#world);
  }

  #report(what: string, from: number, step: number): void {
    const { only } = this.#options;
    if (this.#found === null && (only === undefined || what.startsWith(only)))
      this.#found = { what, from, step };
  }

  #isNew(state: State, from: number, step: number): boolean {
    const length = this.#encoding.encode(state);
    if (!this.#seen.add(this.#encoding.bytes, length)) return false;
    this.#cameFrom.push(from);
    this.#byStep.push(step);
    const most = this.#options.maxStates ?? 20_000_000;
    if (this.#seen.count > most) throw new TooManyStates(`${this.#scenario.name}: more than ${most} states`);
    return true;
  }

  #violation(): Violation | null {
    if (this.#found === null) return null;
    const { what, from, step } = this.#found;
    const choices = [step];
    for (let id = from; id > 0; id = this.#cameFrom[id] ?? 0) choices.unshift(this.#byStep[id] ?? 0);
    return { what, steps: this.#replayed(choices) };
  }

  #replayed(choices: readonly number[]): Step[] {
    let state = initialState(this.#scenario);
    return choices.map((choice) => {
      const steps: Step[] = [];
      nextSteps(state, this.#world, (who, what, result, next) => steps.push({ who, what, result, next }));
      const step = steps[choice];
      if (step === undefined) throw new RangeError('a step of the trace does not exist');
      state = step.next;
      return step;
    });
  }
}
