import { Value } from 'typebox/value';
import { resource } from '../api/crd.ts';
import { policySpec } from '../api/policy-spec.ts';
import { inputCheck } from './input-check.ts';
import { ruleCheck } from './rule-check.ts';

const misfits = inputCheck(policySpec);
const violations = ruleCheck(resource);

/** What the API server would refuse of a new policy: one line for each mistake. Rules are looked at once the schema fits. */
export function policyMistakes(name: string, spec: unknown): string[] {
  const found = misfits(spec).map((mistake) => `spec.${mistake}`);
  const checked = found.length > 0 ? undefined : Value.Default(policySpec, structuredClone(spec));
  return [...found, ...violations({ metadata: { name }, spec: checked }, '')];
}
