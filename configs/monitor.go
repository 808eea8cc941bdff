package configs

// Metrics configures the listener for Prometheus and probes: /metrics, /healthz and /readyz. Every process has one.
type Metrics struct {
	// Listen address; off for none. Defaults to 127.0.0.1:9464. Where it is taken the process goes on without metrics.
	Listen string `yaml:"listen" default:"127.0.0.1:9464"`
}

// Off is the word for a listener that is not wanted.
const Off = "off"

// Traces sends OpenTelemetry traces to a collector: one trace for each event, with ids and names only.
type Traces struct {
	// Endpoint is a collector of OTLP over HTTP, http://127.0.0.1:4318. Without it OTEL_EXPORTER_OTLP_ENDPOINT decides; without both nothing is traced.
	Endpoint string `yaml:"endpoint"`
	// Headers sent to the collector, such as an API key.
	Headers Named[Secret] `yaml:"headers"`
	// Sample is how many of a hundred events are traced. Defaults to 100.
	Sample int `yaml:"sample" default:"100"`
}

// Alerts tells people what needs them. Every receiver gets every alert: at least once, and again when it is over.
type Alerts struct {
	// Receivers names whom to tell. Without any there are no alerts.
	Receivers Named[Receiver] `yaml:"receivers"`
	// DeadLetters tells of every new cause of dead letters. Defaults to true.
	DeadLetters bool `yaml:"dead_letters" default:"true"`
	// BacklogAge is how long the oldest event of a pipeline may wait for a worker; 0 is for ever. Defaults to 30m.
	BacklogAge Duration `yaml:"backlog_age" default:"30m"`
	// BreakerOpen is how long a target's breaker may be open; 0 is for ever. Defaults to 15m.
	BreakerOpen Duration `yaml:"breaker_open" default:"15m"`
	// QueueFull is how full the queue or its disk may be, in percent; 0 is no alert. Defaults to 80.
	QueueFull int `yaml:"queue_full" default:"80"`
	// Sweeper tells what the sweeper found and could not mend. Defaults to true.
	Sweeper bool `yaml:"sweeper" default:"true"`
	// Repeat is how often an alert that goes on is told again; 0 is never. Defaults to 24h.
	Repeat Duration `yaml:"repeat" default:"24h"`
}

// Receiver is where alerts go: exactly one of webhook, slack and smtp.
type Receiver struct {
	// Webhook gets JSON.
	Webhook *WebhookReceiver `yaml:"webhook" choice:"true"`
	// Slack, or what understands its incoming webhooks (Mattermost, Rocket.Chat).
	Slack *SlackReceiver `yaml:"slack" choice:"true"`
	// SMTP sends mail.
	SMTP *SMTPReceiver `yaml:"smtp" choice:"true"`
}

// WebhookReceiver is a URL that takes alerts as JSON.
type WebhookReceiver struct {
	// URL to post to.
	URL Secret `yaml:"url" required:"true"`
	// Headers of the request, such as authorization.
	Headers Named[Secret] `yaml:"headers"`
	// Private allows addresses of private networks.
	Private bool `yaml:"private"`
}

// SlackReceiver is an incoming webhook of Slack.
type SlackReceiver struct {
	// URL of the incoming webhook, which is its secret.
	URL Secret `yaml:"url" required:"true"`
	// Private allows addresses of private networks.
	Private bool `yaml:"private"`
}

// SMTPReceiver is a mail server and whom to write to.
type SMTPReceiver struct {
	// Address of the mail server, host:port.
	Address string `yaml:"address" required:"true"`
	// Encryption: starttls (default), tls from the first byte, or none.
	Encryption string `yaml:"encryption" default:"starttls" enum:"starttls,tls,none"`
	// Username at the mail server.
	Username string `yaml:"username"`
	// Password of username.
	Password Secret `yaml:"password"`
	// From is the sender's address.
	From string `yaml:"from" required:"true"`
	// Recipients of the mail.
	Recipients []string `yaml:"recipients" required:"true"`
	// Private allows addresses of private networks.
	Private bool `yaml:"private"`
}
