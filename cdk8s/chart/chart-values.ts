import Type from 'typebox';
import { objectOfDefaults, text, withDefault } from '../../api/schema.ts';
import { kubernetesObject } from '../values-parts.ts';
import { installSchema } from '../values-schema.ts';

/** The values of the chart: those of an installation, and those that mean something to Helm only. */

const NAME_PART = '[a-z]([-a-z0-9]*[a-z0-9])?';

const nameOverride = (description: string) =>
  withDefault(text(description, { pattern: `^(${NAME_PART})?$`, maxLength: 45 }), '');

export const chartSchema = Type.Object(
  {
    enabled: Type.Optional(
      Type.Boolean({
        description:
          'For a chart that has this one as a dependency: `condition: order-cache-operator.enabled`. Without effect here.',
      }),
    ),
    global: withDefault(
      kubernetesObject(
        'Of a chart and its dependencies. imageRegistry takes the place of the registry in image.repository and ' +
          'workerImage.repository; imagePullSecrets (names, or objects with a name) are added to those below. ' +
          'Anything else in it is not used.',
      ),
      {},
    ),
    nameOverride: nameOverride('Takes the place of order-cache-operator in the names of objects.'),
    fullnameOverride: nameOverride(
      'Name of the objects, whatever the release is called. Empty: made of the release.',
    ),
    ...installSchema.properties,
    uninstallCheck: objectOfDefaults(
      {
        enabled: withDefault(
          Type.Boolean({
            description:
              'Refuses `helm uninstall` while policies exist: without the operator their deletion never ends. ' +
              '`helm uninstall --no-hooks` skips it once.',
          }),
          true,
        ),
      },
      'A Job before the release is removed.',
    ),
  },
  { description: 'Values of the order cache operator.' },
);

/** What Helm checks beyond the types of `global`. */
export const globalSchema = {
  type: 'object',
  properties: {
    imageRegistry: { type: ['string', 'null'], pattern: '^[^\\s@]*$', maxLength: 253 },
    imagePullSecrets: {
      type: ['array', 'null'],
      items: {
        anyOf: [
          { type: 'string', minLength: 1 },
          { type: 'object', required: ['name'], properties: { name: { type: 'string', minLength: 1 } } },
        ],
      },
    },
  },
};
