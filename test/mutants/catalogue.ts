import { CONFIRMATION_MUTANTS } from './catalogue-confirmation.ts';
import { RECORD_MUTANTS } from './catalogue-record.ts';
import { WORKER_MUTANTS } from './catalogue-worker.ts';
import { WRITER_MUTANTS } from './catalogue-writer.ts';
import type { Mutant } from './mutant.ts';

/** Every fence, and the tests that go red without it. */
export const CATALOGUE: readonly Mutant[] = [
  ...RECORD_MUTANTS,
  ...WORKER_MUTANTS,
  ...WRITER_MUTANTS,
  ...CONFIRMATION_MUTANTS,
];
