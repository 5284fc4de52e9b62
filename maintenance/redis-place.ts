/** Which Redis processes hold the keys of a policy, and how. Pure. */

/** One master as it describes itself. */
export interface Master {
  /** Random, made by each Redis process at its start: another one after a restart. */
  readonly runId: string;
  /** Which slots it holds and since which configuration; '' on a single server. */
  readonly slots: string;
}

export interface Place {
  /** By run id. */
  readonly masters: readonly Master[];
  /** Keys are on their way from one master to another, or not every master is known: a walk may miss some. */
  readonly unsettled: boolean;
}

/** The value of a field in what INFO says; undefined when it is missing. */
export function infoField(info: string, field: string): string | undefined {
  const line = info.split(/\r?\n/).find((each) => each.startsWith(`${field}:`));
  return line?.slice(field.length + 1).trim();
}

/** What CLUSTER NODES says on one master. */
export interface ClusterView {
  readonly nodeId: string;
  readonly slots: string;
  /** Slots of this node are being moved to or from it. */
  readonly moving: boolean;
  /** Ids of all masters with slots, as this one sees the Cluster. */
  readonly owners: readonly string[];
}

/** Undefined for a node that holds no slots: it is no master, or it has just been demoted. */
export function readClusterNodes(text: string): ClusterView | undefined {
  const nodes = text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => line.trim().split(' '));
  const owners = nodes.filter(isOwner).map(([id]) => id ?? '');
  const own = nodes.find(([, , flags]) => flags?.split(',').includes('myself'));
  if (own === undefined || !isOwner(own)) return undefined;
  const [nodeId = '', , , , , , epoch = '', , ...slots] = own;
  // A slot that is being moved stands there as [93->-<node>] or [93-<-<node>].
  return {
    nodeId,
    slots: [nodeId, epoch, ...slots].join(' '),
    moving: slots.some((slot) => slot.startsWith('[')),
    owners,
  };
}

function isOwner(fields: readonly string[]): boolean {
  return (fields[2]?.split(',').includes('master') ?? false) && fields.length > 8;
}

export function placeOf(
  masters: readonly { readonly runId: string; readonly cluster: ClusterView | undefined }[],
): Place {
  const asked = new Set(masters.flatMap(({ cluster }) => cluster?.nodeId ?? []));
  const isUnsettled = ({ cluster }: (typeof masters)[number]) =>
    cluster !== undefined && (cluster.moving || cluster.owners.some((owner) => !asked.has(owner)));
  return {
    masters: masters
      .map(({ runId, cluster }) => ({ runId, slots: cluster?.slots ?? '' }))
      .sort((one, other) => (one.runId < other.runId ? -1 : 1)),
    unsettled: masters.some(isUnsettled),
  };
}
