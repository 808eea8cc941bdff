// Package configs holds rossum-relay's configuration as data: one YAML file,
// decoded strictly, validated as a whole, and described by a JSON Schema.
// It knows nothing of how steps run.
package configs

// Config is one relay configuration, the root of the YAML file.
type Config struct {
	// Rossum names the Rossum environments (organizations) the relay serves.
	Rossum Named[Rossum] `yaml:"rossum"`
	// Hooks names the ingest URLs /hooks/{name}.
	Hooks Named[Hook] `yaml:"hooks"`
	// Targets names the ERP endpoints pipelines send to.
	Targets Named[Target] `yaml:"targets" roles:"worker"`
	// Pipelines names what is done with events, in file order.
	Pipelines Named[Pipeline] `yaml:"pipelines"`
	// Tables names look-up tables for the filter lookup('name').
	Tables Named[Table] `yaml:"tables" roles:"worker"`
	// Queue says where events are stored: embedded NATS JetStream or a cluster.
	Queue Queue `yaml:"queue" roles:"ingest,worker,operator,console"`
	// Ingest configures the webhook listener.
	Ingest Ingest `yaml:"ingest"`
	// Worker configures the run loop.
	Worker Worker `yaml:"worker"`
	// Reconcile compares Rossum with what was delivered, on a schedule.
	Reconcile Reconcile `yaml:"reconcile" roles:"worker"`
	// Metrics configures the listener for Prometheus and probes.
	Metrics Metrics `yaml:"metrics"`
	// Traces sends OpenTelemetry traces to a collector.
	Traces Traces `yaml:"traces" roles:"ingest,worker"`
	// Alerts tells people what needs them.
	Alerts Alerts `yaml:"alerts" roles:"worker"`
	// Console configures the operators' pages and their API.
	Console Console `yaml:"console"`
	// Log configures logging.
	Log Log `yaml:"log"`

	// File is the path the configuration was read from. Relative paths inside it are relative to its folder: fields
	// with the tag file are joined to it already, Path does so for others.
	File string `yaml:"-"`
	// Hash is the SHA-256 of the file's bytes in hex; journals record it.
	Hash string `yaml:"-"`
	// Warnings are problems that do not keep the relay from running.
	Warnings Errors `yaml:"-"`

	positions map[string]Pos
}

// Rossum is one Rossum environment: its address and the service account used when a hook's own token is gone.
type Rossum struct {
	// BaseURL is scheme and host, https://acme.rossum.app, without /api.
	BaseURL string `yaml:"base_url" required:"true"`
	// Username of the service account; without one only the hook's token is used.
	Username string `yaml:"username" roles:"worker,admin"`
	// Password of the service account.
	Password Secret `yaml:"password" roles:"worker,admin"`
	// Rate of API calls per organization over all workers. Defaults to 10/s, Rossum's own limit.
	Rate Rate `yaml:"rate" default:"10/s"`
	// MaxRetryAfter bounds how long a Retry-After is obeyed. Defaults to 1h.
	MaxRetryAfter Duration `yaml:"max_retry_after" default:"1h"`
}

// Hook is a named ingest URL with its signing secrets, usually one Rossum hook object.
type Hook struct {
	// Rossum names the environment that calls this hook.
	Rossum string `yaml:"rossum" required:"true"`
	// SigningSecrets are tried in order; several allow a change without a gap.
	SigningSecrets []Secret `yaml:"signing_secrets" roles:"ingest,admin"`
	// Insecure accepts unsigned calls. For trying things out only.
	Insecure bool `yaml:"insecure"`
	// LegacySHA1 also accepts the header X-Elis-Signature (HMAC-SHA1).
	LegacySHA1 bool `yaml:"legacy_sha1"`
	// Unrouted says what Rossum is told when no pipeline matches an export: error (default) or accept.
	Unrouted Unrouted `yaml:"unrouted" default:"error" enum:"error,accept"`
	// Settings are added below the settings of the Rossum hook object.
	Settings Node `yaml:"settings" roles:"worker"`
	// Secrets are added below the secrets of the Rossum hook object.
	Secrets Named[Secret] `yaml:"secrets" roles:"worker"`
	// RossumHook is the hook object in Rossum, which "hooks apply" creates and keeps up to date.
	RossumHook RossumHook `yaml:"rossum_hook" roles:"admin"`
}

// Unrouted is what Rossum is told about an event without a pipeline.
type Unrouted string

// The values of Unrouted.
const (
	UnroutedError  Unrouted = "error"
	UnroutedAccept Unrouted = "accept"
)

// Queue says where events are stored.
type Queue struct {
	// Data is the data directory of the embedded queue. Defaults to data, beside the configuration file.
	Data string `yaml:"data" default:"data" file:"true"`
	// URL of an external NATS cluster (nats://a:4222,nats://b:4222); without it the queue is embedded.
	URL string `yaml:"url"`
	// Credentials is a NATS credentials file (.creds).
	Credentials string `yaml:"credentials" file:"true"`
	// User of NATS, where no credentials file is used.
	User string `yaml:"user"`
	// Password of user.
	Password Secret `yaml:"password"`
	// TLS for the connection to NATS.
	TLS TLS `yaml:"tls"`
	// Durability: strict (fsync before every answer, default), balanced (within 1 s) or fast (development). Embedded only; a cluster has its own.
	Durability Durability `yaml:"durability" default:"strict" enum:"strict,balanced,fast"`
	// Replicas of streams and buckets. Defaults to 1 embedded, 3 on a cluster.
	Replicas int `yaml:"replicas"`
	// MaxStore bounds the embedded queue's disk use. Defaults to 20GiB.
	MaxStore Size `yaml:"max_store" default:"20GiB" positive:"true"`
	// MaxEvents bounds the work queue EV in bytes; over it Rossum is told 503. Defaults to half of max_store; with url to
	// what the cluster allows.
	MaxEvents Size `yaml:"max_events"`
	// Keys seal everything stored: the first seals, all open. 32 bytes each, base64. Embedded without keys makes one in the data directory.
	Keys []Secret `yaml:"keys"`
	// Listen is the loopback address of the embedded server. Defaults to a free port, written to DATA/client.conf.
	Listen string `yaml:"listen" default:"127.0.0.1:0"`
	// Retention says how long settled things are kept.
	Retention Retention `yaml:"retention"`
}

// Durability is how soon a stored message reaches the disk.
type Durability string

// The values of Durability.
const (
	Strict   Durability = "strict"
	Balanced Durability = "balanced"
	Fast     Durability = "fast"
)

// Retention says how long settled things are kept; unsettled ones are kept until settled.
type Retention struct {
	// Journal of settled runs, with their event records and answers. Defaults to 90d.
	Journal Duration `yaml:"journal" default:"90d" positive:"true"`
	// Ledger entries, the memory against doubles. Defaults to 1095d (three years).
	Ledger Duration `yaml:"ledger" default:"1095d" positive:"true"`
	// History of attempts. Defaults to 30d.
	History Duration `yaml:"history" default:"30d"`
	// Unrouted events. Defaults to 7d.
	Unrouted Duration `yaml:"unrouted" default:"7d"`
	// Payload of done runs. Defaults to 0: dropped when the run is done.
	Payload Duration `yaml:"payload"`
}

// TLS holds file names of PEM files.
type TLS struct {
	// CA holds the certificates trusted instead of the system's.
	CA string `yaml:"ca" file:"true"`
	// Cert is the own certificate with its chain.
	Cert string `yaml:"cert" file:"true"`
	// Key is the private key of cert, unencrypted.
	Key string `yaml:"key" file:"true"`
}

// Ingest configures the webhook listener.
type Ingest struct {
	// Listen address. Defaults to :8080.
	Listen string `yaml:"listen" default:":8080"`
	// PublicURL is how Rossum reaches this relay; Location headers are made from it.
	PublicURL string `yaml:"public_url"`
	// MaxBody bounds one request body. Defaults to 64MiB.
	MaxBody Size `yaml:"max_body" default:"64MiB" positive:"true"`
	// MaxInFlight bounds the bytes of all bodies being read before their signature is known. Defaults to 256MiB.
	MaxInFlight Size `yaml:"max_in_flight" default:"256MiB"`
	// TLS serves https with these files when set; without it a proxy in front has to.
	TLS ServerTLS `yaml:"tls"`
}

// Worker configures the run loop.
type Worker struct {
	// AckWait is how long a message may stay unacknowledged before another worker takes it. Defaults to 60s.
	AckWait Duration `yaml:"ack_wait" default:"60s" positive:"true"`
	// Drain is how long a stopping worker lets running steps finish. Defaults to 30s.
	Drain Duration `yaml:"drain" default:"30s"`
	// Slots bounds the runs of one pipeline that one process works on at once. Defaults to 0: the pipeline's concurrency.
	Slots int `yaml:"slots"`
	// Templates bounds what one template may use.
	Templates TemplateLimits `yaml:"templates"`
}

// TemplateLimits bounds what one template or expression may use. Zero means the engine's default.
type TemplateLimits struct {
	// Steps of evaluation.
	Steps int `yaml:"steps"`
	// Output in bytes.
	Output Size `yaml:"output"`
	// Memory for values in bytes.
	Memory Size `yaml:"memory"`
}

// Log configures logging.
type Log struct {
	// Level: debug, info, warn or error. Defaults to info.
	Level string `yaml:"level" default:"info" enum:"debug,info,warn,error"`
	// Format: json or console. Defaults to json.
	Format string `yaml:"format" default:"json" enum:"json,console"`
}

// Table is a look-up table from a CSV or YAML file, or inline.
type Table struct {
	// File is a .csv (with a header line) or .yaml file.
	File string `yaml:"file" file:"true"`
	// Key is the column looked up. Defaults to the first.
	Key string `yaml:"key"`
	// Value is the column returned. Defaults to the second; the word row returns the whole row.
	Value string `yaml:"value"`
	// Rows holds an inline table: key to value, or a list of rows.
	Rows Node `yaml:"rows"`

	index map[string]any
}
