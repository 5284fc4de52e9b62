import { type OwnRedis, ownRedis, type Scope } from '../servers/index.ts';
import { CHECKS, type Check } from './checks.ts';
import { setStage } from './stage.ts';

/** Runs a command as a reader through the checks, each in a process and under a prefix of its own. */

export interface Finding {
  readonly check: string;
  /** Undefined: it passed. */
  readonly fault?: string;
}

export interface Options {
  readonly command: string;
  /** The reader never writes. */
  readonly readOnly?: boolean;
  /** Only checks with this text in their names. */
  readonly only?: string;
}

/** So many commands run at a time. */
const AT_A_TIME = 4;

export async function conformance(scope: Scope, { command, readOnly, only }: Options): Promise<Finding[]> {
  const server = await ownRedis(scope);
  const wanted = CHECKS.filter(({ fills }) => !(fills && readOnly)).filter(({ name }) =>
    name.includes(only ?? ''),
  );
  if (wanted.length === 0) throw new Error(`no check has ${JSON.stringify(only)} in its name`);
  const findings: Finding[] = [];
  const queue = [...wanted.entries()];
  const work = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [index, check] = next;
      findings[index] = await runCheck(server, check, `reader${index}`, command);
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  return findings;
}

async function runCheck(server: OwnRedis, check: Check, name: string, command: string): Promise<Finding> {
  const ends: (() => unknown)[] = [];
  const scope: Scope = { after: (end) => void ends.push(end) };
  try {
    const stage = await setStage(scope, server, name, command, check.table ?? {});
    await check.run(stage);
    const refused = await stage.refused();
    if (refused.length > 0)
      throw new Error(`Redis refused it, with the documented rights: ${refused.join(', ')}`);
    return { check: check.name };
  } catch (error) {
    return { check: check.name, fault: error instanceof Error ? error.message : String(error) };
  } finally {
    for (const end of ends.reverse()) await end();
  }
}
