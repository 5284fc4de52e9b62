/** The `data` of a Secret, decoded from base64 and UTF-8. */
export type SecretData = Readonly<Record<string, string>>;

/** PEM texts, as far as the Secret has them. */
export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** One broker, vhost and user; `managementUri` only from the management Secret. */
export interface RabbitMqCredentials {
  readonly tlsEnabled: boolean;
  readonly host: string;
  readonly port: number;
  readonly vhost: string;
  readonly username: string;
  readonly password: string;
  readonly tls: TlsMaterial;
}

export interface ManagementCredentials extends RabbitMqCredentials {
  /** `http(s)://host:port`, perhaps with a path, without credentials and without a slash at the end. */
  readonly managementUri: string;
}

/** Names the key and what was expected, never the value. */
export type Parsed<C> =
  | { readonly kind: 'Credentials'; readonly credentials: C }
  | {
      readonly kind: 'Problem';
      readonly reason: 'SecretInvalid';
      readonly message: string;
      readonly retryable: false;
    };
