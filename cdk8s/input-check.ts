import { Compile } from 'typebox/compile';
import { Value } from 'typebox/value';
import { inputSchema } from './input-schema.ts';

/** Says what is wrong with an input: one line for each mistake, with the field, what was expected and what came. */
export function inputCheck(schema: object): (input: unknown) => string[] {
  const validator = Compile(inputSchema(schema));
  return (input) => {
    if (validator.Check(input)) return [];
    const errors = validator.Errors(input).filter(({ keyword }) => keyword !== 'additionalProperties');
    return errors.flatMap(({ instancePath, keyword, message, params }) => {
      const field = fieldOf(instancePath);
      const got = JSON.stringify(Value.Pointer.Get(input, instancePath));
      if (keyword === 'boolean') return `${field}: unknown field`;
      if (keyword === 'required')
        return params.requiredProperties.map(
          (name) => `${field}${field && '.'}${name}: is required, got nothing`,
        );
      if (keyword === 'enum')
        return `${field}: expected one of ${params.allowedValues.join(', ')}, got ${got}`;
      return `${field}: ${message}, got ${got}`;
    });
  };
}

/** `/exchanges/0/name` as the API server writes it: `exchanges[0].name`. */
function fieldOf(instancePath: string): string {
  return instancePath
    .slice(1)
    .replaceAll(/\/(\d+)(?=\/|$)/g, '[$1]')
    .replaceAll('/', '.');
}
