package configs

// Target is an ERP endpoint with its limits, shared by pipelines. Exactly one transport is given.
type Target struct {
	// HTTP is an ERP's web service.
	HTTP *HTTPTarget `yaml:"http" choice:"transport"`
	// SFTP is a server files are put on.
	SFTP *SFTPTarget `yaml:"sftp" choice:"transport"`
	// S3 is a bucket of Amazon S3 or a compatible store.
	S3 *S3Target `yaml:"s3" choice:"transport"`
	// Dir is a local directory.
	Dir *DirTarget `yaml:"dir" choice:"transport"`

	// Concurrency over all workers. Defaults to 8.
	Concurrency int `yaml:"concurrency" default:"8" positive:"true"`
	// Rate over all workers; none means no limit.
	Rate Rate `yaml:"rate"`
	// Breaker stops sending to a target that is down.
	Breaker Breaker `yaml:"breaker"`
	// Timeout of one attempt. Defaults to 60s.
	Timeout Duration `yaml:"timeout" default:"60s" positive:"true"`
	// MaxRetryAfter bounds how long a Retry-After is obeyed. Defaults to 1h.
	MaxRetryAfter Duration `yaml:"max_retry_after" default:"1h"`
	// Hours are the opening hours; none means always open.
	Hours *Hours `yaml:"hours"`
}

// Breaker stops sending after consecutive failures and probes again later.
type Breaker struct {
	// After this many failures in a row the breaker opens. Defaults to 5.
	After int `yaml:"after" default:"5" positive:"true"`
	// Pause before the first probe. Defaults to 30s; doubled up to max.
	Pause Duration `yaml:"pause" default:"30s" positive:"true"`
	// Max bounds the pause. Defaults to 10m.
	Max Duration `yaml:"max" default:"10m"`
}

// Hours are opening hours in a time zone.
type Hours struct {
	// Days such as [mon, tue]; none means every day.
	Days []string `yaml:"days"`
	// From is when it opens, HH:MM.
	From string `yaml:"from" required:"true"`
	// To is when it closes, HH:MM; before from it is on the next day.
	To string `yaml:"to" required:"true"`
	// Zone is an IANA time zone. Defaults to UTC.
	Zone string `yaml:"zone" default:"UTC"`
	// Closed dates, YYYY-MM-DD.
	Closed []string `yaml:"closed"`
}

// HTTPTarget is an ERP reached over HTTP. At most one way of authentication is given.
type HTTPTarget struct {
	// BaseURL of the ERP; may be a template over settings, which then needs hosts.
	BaseURL Template `yaml:"base_url" required:"true"`
	// Hosts allowed when base_url comes from settings.
	Hosts []string `yaml:"hosts"`
	// Headers sent with every request.
	Headers Named[Template] `yaml:"headers"`
	// Private allows addresses of private networks, which an ERP in the house has.
	Private bool `yaml:"private"`
	// Proxy is an http or https proxy URL.
	Proxy string `yaml:"proxy"`
	// TLS: private CA and client certificate.
	TLS TLS `yaml:"tls"`
	// MaxResponse bounds a response body. Defaults to 8MiB.
	MaxResponse Size `yaml:"max_response" default:"8MiB" positive:"true"`

	// Basic is a user name and password.
	Basic *BasicAuth `yaml:"basic"`
	// Bearer is a fixed bearer token.
	Bearer Secret `yaml:"bearer"`
	// APIKey is a key in a header or query parameter.
	APIKey *APIKeyAuth `yaml:"api_key"`
	// OAuth2 gets bearer tokens from a token endpoint.
	OAuth2 *OAuth2Auth `yaml:"oauth2"`
	// OAuth1 signs every request (NetSuite).
	OAuth1 *OAuth1Auth `yaml:"oauth1"`
	// CSRF fetches an x-csrf-token with cookies before writes (SAP).
	CSRF *CSRF `yaml:"csrf"`
}

// BasicAuth is HTTP basic authentication.
type BasicAuth struct {
	// Username at the target.
	Username string `yaml:"username" required:"true"`
	// Password at the target.
	Password Secret `yaml:"password" required:"true"`
}

// APIKeyAuth sends a key in a header or query parameter.
type APIKeyAuth struct {
	// Header that carries the key, unless query does.
	Header string `yaml:"header"`
	// Query parameter that carries the key; it then stands in the access logs of the ERP.
	Query string `yaml:"query"`
	// Value of the key.
	Value Secret `yaml:"value" required:"true"`
}

// OAuth2Auth gets bearer tokens from a token endpoint.
type OAuth2Auth struct {
	// TokenURL is the token endpoint, unless token_path gives it.
	TokenURL string `yaml:"token_url"`
	// TokenPath is the token endpoint below base_url.
	TokenPath string `yaml:"token_path"`
	// Grant: client_credentials (default), refresh_token or jwt_bearer.
	Grant string `yaml:"grant" default:"client_credentials" enum:"client_credentials,refresh_token,jwt_bearer"`
	// ClientID of the relay at the token endpoint.
	ClientID string `yaml:"client_id"`
	// ClientSecret of the relay at the token endpoint.
	ClientSecret Secret `yaml:"client_secret"`
	// AuthStyle: body (default) or basic.
	AuthStyle string `yaml:"auth_style" default:"body" enum:"body,basic"`
	// Scope asked for, several separated by spaces.
	Scope string `yaml:"scope"`
	// RefreshToken to begin with; rotated ones are kept by the relay, sealed, until another one is set here.
	RefreshToken Secret `yaml:"refresh_token"`
	// Params are further form parameters of the token request, such as resource or audience; they replace the relay's own.
	Params Named[Secret] `yaml:"params"`
	// JWT is the assertion of the grant jwt_bearer; with the other grants it proves the client instead of a client_secret (NetSuite).
	JWT *JWTAssertion `yaml:"jwt"`
}

// JWTAssertion is a JWT the relay signs for each token request (RFC 7523), good for three minutes.
type JWTAssertion struct {
	// Algorithm: RS256 (default) or PS256.
	Algorithm string `yaml:"algorithm" default:"RS256" enum:"RS256,PS256"`
	// Key is the private key in PEM form.
	Key Secret `yaml:"key" required:"true"`
	// KeyID is the header kid.
	KeyID string `yaml:"key_id"`
	// Claims of the assertion. Defaults: the client_id as iss and sub, the token endpoint as aud; iat, exp and jti are added.
	Claims Named[Node] `yaml:"claims"`
}

// OAuth1Auth signs with HMAC-SHA256 (NetSuite token-based authentication).
type OAuth1Auth struct {
	// Realm is the account, in upper case with underscores.
	Realm string `yaml:"realm"`
	// ConsumerKey names the integration.
	ConsumerKey Secret `yaml:"consumer_key" required:"true"`
	// ConsumerSecret signs, together with token_secret.
	ConsumerSecret Secret `yaml:"consumer_secret" required:"true"`
	// Token names user and role.
	Token Secret `yaml:"token" required:"true"`
	// TokenSecret signs, together with consumer_secret.
	TokenSecret Secret `yaml:"token_secret" required:"true"`
}

// CSRF is SAP's token handshake.
type CSRF struct {
	// Path fetched with x-csrf-token: fetch.
	Path string `yaml:"path" required:"true"`
}

// SFTPTarget is a server files are put on.
type SFTPTarget struct {
	// Address is host:port.
	Address string `yaml:"address" required:"true"`
	// Username at the server.
	Username string `yaml:"username" required:"true"`
	// Password, unless a private_key is used.
	Password Secret `yaml:"password"`
	// PrivateKey in PEM form, with a passphrase where encrypted.
	PrivateKey Secret `yaml:"private_key"`
	// Passphrase of the private key.
	Passphrase Secret `yaml:"passphrase"`
	// HostKeys are pinned, in authorized_keys form; an unknown host is refused.
	HostKeys []string `yaml:"host_keys" required:"true"`
	// Collision: fail, same (the same content is done; default) or suffix.
	Collision string `yaml:"collision" default:"same" enum:"fail,same,suffix"`
	// Done writes an empty file with this suffix after the document.
	Done string `yaml:"done"`
	// Private allows addresses of private networks.
	Private bool `yaml:"private"`
}

// S3Target is an S3 compatible bucket.
type S3Target struct {
	// Endpoint is the URL of the store, https://s3.eu-central-1.amazonaws.com.
	Endpoint string `yaml:"endpoint" required:"true"`
	// Region of the bucket.
	Region string `yaml:"region"`
	// Bucket documents are put into.
	Bucket string `yaml:"bucket" required:"true"`
	// AccessKey of the account.
	AccessKey Secret `yaml:"access_key"`
	// SecretKey of the access_key.
	SecretKey Secret `yaml:"secret_key"`
	// Collision: fail, same (the same content is done; default) or suffix.
	Collision string `yaml:"collision" default:"same" enum:"fail,same,suffix"`
	// Private allows addresses of private networks.
	Private bool `yaml:"private"`
}

// DirTarget is a local directory.
type DirTarget struct {
	// Path of the directory; it must exist.
	Path string `yaml:"path" required:"true" file:"true"`
	// Collision: fail, same (the same content is done; default) or suffix.
	Collision string `yaml:"collision" default:"same" enum:"fail,same,suffix"`
}
