import { Compile } from 'typebox/compile';
import { Value } from 'typebox/value';
import { inputSchema } from './input-schema.ts';

/** Says what is wrong with an input: one line for each mistake, with the field, what was expected and what came. */
export function inputCheck(schema: object): (input: unknown) => string[] {
  const validator = Compile(inputSchema(schema));
  return (input) => {
    if (validator.Check(input)) return [];
    const errors = validator.Errors(input).filter(({ keyword }) => keyword !== 'additionalProperties');
    return errors.map(({ instancePath, keyword, message, params }) => {
      const field = instancePath.slice(1).replaceAll('/', '.');
      if (keyword === 'boolean') return `${field}: unknown field`;
      if (keyword === 'required') return `${field}${field && ': '}${message}`;
      if (keyword === 'enum') return `${field}: expected one of ${params.allowedValues.join(', ')}`;
      return `${field}: ${message}, got ${JSON.stringify(Value.Pointer.Get(input, instancePath))}`;
    });
  };
}
