import { seededRandom } from '../fixtures/seeded-random.ts';
import type { Actor } from './actors.ts';

/** What one schedule plays: actors, and what must hold after each of their steps and at the end. */
export interface Play {
  readonly actors: readonly Actor[];
  /** Something wrong after this step, or null. */
  check(actor: Actor): Promise<string | null>;
  /** Nobody can take a step any more. */
  checkEnd(): Promise<string | null>;
  close(): Promise<void>;
}

export interface Explored {
  readonly schedules: number;
  /** Every interleaving there is; else a random choice of them. */
  readonly all: boolean;
  /** What went wrong first, with the steps that led there. */
  readonly problem: string | null;
}

export interface Limits {
  readonly most: number;
  readonly seed: number;
  /** Schedules at the same time, each with an order of its own. */
  readonly lanes: number;
}

/**
 * Plays the interleavings, no one twice: all of them if there are no more than `most`. A schedule is the list of who
 * went on at each step, among those that could. Each schedule that is played opens one branch for everybody who could
 * have gone on instead.
 */
export async function explore(open: (lane: number) => Promise<Play>, limits: Limits): Promise<Explored> {
  const random = seededRandom(limits.seed);
  const branches: (readonly number[])[] = [[]];
  let schedules = 0;
  let underWay = 0;
  let problem: string | null = null;
  const lane = async (index: number) => {
    while (problem === null && schedules < limits.most && (branches.length > 0 || underWay > 0)) {
      const branch = takeOne(branches, random);
      if (branch === undefined) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        continue;
      }
      schedules += 1;
      underWay += 1;
      const played = await playSchedule(await open(index), branch, random);
      underWay -= 1;
      branches.push(...played.branches);
      problem ??= played.problem;
    }
  };
  await Promise.all(Array.from({ length: limits.lanes }, (_, index) => lane(index)));
  return { schedules, all: branches.length === 0, problem };
}

async function playSchedule(play: Play, branch: readonly number[], random: () => number) {
  const chosen: number[] = [];
  const branches: number[][] = [];
  const trace: string[] = [];
  let problem: string | null = null;
  try {
    for (let able = ableOf(play); able.length > 0 && problem === null; able = ableOf(play)) {
      const given = branch[chosen.length];
      const choice = given ?? Math.floor(random() * able.length);
      if (given === undefined) {
        for (let other = 0; other < able.length; other += 1)
          if (other !== choice) branches.push([...chosen, other]);
      }
      chosen.push(choice);
      const actor = able[choice];
      if (actor === undefined) throw new Error(`this schedule cannot be repeated: ${trace.join(', ')}`);
      await actor.run();
      trace.push(`${actor.name} ${actor.step}`);
      problem = await play.check(actor);
    }
    problem ??= await play.checkEnd();
  } catch (error) {
    problem = error instanceof Error ? `${error.stack}` : String(error);
  } finally {
    for (const actor of play.actors) actor.stop();
    await play.close();
  }
  return { branches, problem: problem === null ? null : `${problem}; steps: ${trace.join(', ')}` };
}

function ableOf({ actors }: Play): Actor[] {
  return actors.filter((actor) => actor.canStep);
}

/** One of the shorter ones: most are long, and a long one plays nearly the same once more. */
function takeOne(branches: (readonly number[])[], random: () => number): readonly number[] | undefined {
  let index = 0;
  for (let draw = 0; draw < 8; draw += 1) {
    const drawn = Math.floor(random() * branches.length);
    if ((branches[drawn]?.length ?? 0) < (branches[index]?.length ?? 0) || draw === 0) index = drawn;
  }
  const taken = branches[index];
  const last = branches.pop();
  if (last !== undefined && index < branches.length) branches[index] = last;
  return taken;
}
