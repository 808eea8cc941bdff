package configs

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// validator checks what holds between values. It adds to the decoder's problems, but never to a place that has one.
type validator struct {
	*decoder
	cfg *Config
}

func validate(cfg *Config, d *decoder) {
	v := &validator{decoder: d, cfg: cfg}
	v.rossum()
	v.hooks()
	v.pipelines()
	if needs(d.roles, string(RoleWorker)) {
		v.targets()
		for i := range cfg.Pipelines {
			v.steps("pipelines."+cfg.Pipelines[i].Name, &cfg.Pipelines[i].Value)
		}
		v.keys()
		v.tables()
	}
	v.queue()
	v.ingest()
	v.console()
	v.monitor()
}

func (v *validator) wrong(path, message, try string) {
	if !v.failed[path] {
		v.fail(v.cfg.Pos(path), path, message, try)
	}
}

func (v *validator) doubtful(path, message, try string) {
	if !v.failed[path] {
		v.warn(v.cfg.Pos(path), path, message, try)
	}
}

// show quotes a value for a message, or names the variables it came from: those may hold anything.
func (v *validator) show(path, value string) string {
	if names, ok := v.variables[path]; ok {
		return "from " + names
	}
	return strconv.Quote(clip(value))
}

// unknown reports a name that is not among those defined.
func (v *validator) unknown(path, kind, name string, known []string) {
	if name == "" || v.failed[path] {
		return
	}
	try := fmt.Sprintf("define it under %ss", kind)
	if kind == "rossum environment" {
		try = "define it under rossum"
	}
	if len(known) > 0 {
		try += ", or use " + strings.Join(known, ", ")
	}
	v.report(Error{Pos: v.cfg.Pos(path), Path: path, Message: fmt.Sprintf("unknown %s %s", kind, v.show(path, name)), Suggestion: Nearest(name, known), Try: try})
}

func names[T any](entries Named[T]) []string {
	list := make([]string, 0, len(entries))
	for _, e := range entries {
		list = append(list, e.Name)
	}
	return list
}

// name checks a name that stands in URLs, subjects and metrics.
func (v *validator) name(section, kind, name string, pos Pos) {
	if !nameForm.MatchString(name) {
		v.fail(pos, section, fmt.Sprintf("bad %s name %q", kind, clip(name)), "use 1 to 64 of a-z, 0-9, _ and -, beginning with a letter or digit")
	}
}

func (v *validator) rossum() {
	for _, e := range v.cfg.Rossum {
		path := "rossum." + e.Name
		v.name("rossum", "rossum environment", e.Name, e.Pos)
		v.baseURL(path+".base_url", e.Value.BaseURL)
		if e.Value.Username == "" && !e.Value.Password.IsZero() && !v.failed[path+".username"] {
			v.wrong(path, "a password without username", "add username: the service account's")
		}
		if e.Value.Username != "" && e.Value.Password.IsZero() && !v.failed[path+".password"] {
			v.wrong(path, "a username without password", "add password: ${NAME} or file:PATH")
		}
	}
}

// baseURL checks scheme://host[:port], https unless the host is this machine.
func (v *validator) baseURL(path, text string) {
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		v.wrong(path, "not an absolute URL", "write https://HOST")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		v.wrong(path, "http would carry tokens in clear text; only this machine may be reached so", "write https:// for http://")
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		v.wrong(path, "scheme and host only", "remove path, query and user")
	}
}

// isLoopback knows localhost, its subdomains (RFC 6761) and loopback addresses.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

func (v *validator) hooks() {
	environments := names(v.cfg.Rossum)
	for _, e := range v.cfg.Hooks {
		path := "hooks." + e.Name
		v.name("hooks", "hook", e.Name, e.Pos)
		if !slices.Contains(environments, e.Value.Rossum) {
			v.unknown(path+".rossum", "rossum environment", e.Value.Rossum, environments)
		}
		given := slices.ContainsFunc(e.Value.SigningSecrets, isGiven)
		switch {
		case !given && !e.Value.Insecure && !v.failed[path+".signing_secrets"]:
			v.wrong(path, "a hook without signing_secrets accepts calls from anybody", `add signing_secrets: ["${HOOK_SECRET}"]; to try things out, insecure: true`)
		case e.Value.Insecure && given:
			v.wrong(path+".insecure", "insecure beside signing_secrets", "remove one of them")
		case e.Value.Insecure:
			v.doubtful(path+".insecure", "the hook accepts calls from anybody", "add signing_secrets")
		}
		if k := e.Value.Settings.Kind; k != NodeNone && k != NodeMap {
			v.wrong(path+".settings", "expected a map, got "+k.String(), "write settings: {company: 0100}")
		}
		v.rossumHook(path+".rossum_hook", &e.Value.RossumHook)
	}
}

func isGiven(s Secret) bool { return !s.IsZero() }

func (v *validator) queue() {
	q := v.cfg.Queue
	if q.URL != "" {
		v.externalQueue(q)
	} else {
		v.embeddedQueue(q)
	}
	v.tls("queue.tls", q.TLS)
	if q.User != "" && q.Password.IsZero() && !v.failed["queue.password"] {
		v.wrong("queue", "a user without password", "add password: ${NAME} or file:PATH")
	}
	if q.Credentials != "" && q.User != "" {
		v.wrong("queue.user", "credentials and user are two ways to log in", "remove one of them")
	}
	var quotas Size
	for _, p := range v.cfg.Pipelines {
		quotas += p.Value.Backlog
	}
	if q.MaxEvents > 0 && quotas > q.MaxEvents && len(v.cfg.Pipelines) > 0 {
		v.doubtful("queue", "the pipelines' backlogs together exceed max_events: dead targets could fill the queue for all pipelines",
			"raise max_store or max_events, or lower backlog in the pipelines")
	}
}

func (v *validator) externalQueue(q Queue) {
	for server := range strings.SplitSeq(q.URL, ",") {
		u, err := url.Parse(strings.TrimSpace(server))
		switch {
		case err != nil || u.Host == "" || !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme):
			v.wrong("queue.url", "not a list of NATS servers", "write nats://a:4222,nats://b:4222")
		case u.User != nil:
			v.wrong("queue.url", "a user or password in the URL would reach logs", "use credentials, or user and password")
		}
	}
	if !slices.ContainsFunc(q.Keys, isGiven) && !v.failed["queue.keys"] {
		v.wrong("queue.url", "a queue outside this process needs keys: what is stored is sealed with them",
			`add keys: ["${RELAY_KEY}"], made with openssl rand -base64 32 and the same for every process`)
	}
	if !slices.Contains([]int{1, 3, 5}, q.Replicas) {
		v.wrong("queue.replicas", "replicas is 1, 3 or 5", "write 3")
	}
}

func (v *validator) embeddedQueue(q Queue) {
	if q.Replicas != 1 {
		v.wrong("queue.replicas", "the embedded queue keeps one replica", "remove it, or give the url of a cluster")
	}
	host, _, err := net.SplitHostPort(q.Listen)
	if err != nil || !isLoopback(host) {
		v.wrong("queue.listen", "the embedded queue listens on this machine only", "write 127.0.0.1:4222")
	}
	if q.MaxEvents > q.MaxStore {
		v.wrong("queue.max_events", "max_events is larger than max_store", "lower it")
	}
}

func (v *validator) ingest() {
	in := v.cfg.Ingest
	if _, _, err := net.SplitHostPort(in.Listen); err != nil {
		v.wrong("ingest.listen", "not an address", "write :8080 or 127.0.0.1:8080")
	}
	v.serverTLS("ingest.tls", in.TLS)
	if u, err := url.Parse(in.PublicURL); in.PublicURL != "" && err == nil && u.Host != "" {
		u.Path = "" // the relay may live below a path of a reverse proxy
		v.baseURL("ingest.public_url", u.String())
	} else if in.PublicURL != "" {
		v.wrong("ingest.public_url", "not an absolute URL", "write https://HOST")
	}
	if in.MaxInFlight < in.MaxBody {
		v.wrong("ingest.max_in_flight", "smaller than max_body, so that the largest calls could never be taken", "raise it")
	}
}

func (v *validator) tls(path string, t TLS) {
	if (t.Cert == "") != (t.Key == "") {
		v.wrong(path, "cert and key go together", "add the other one")
	}
}

func (v *validator) tables() {
	for i := range v.cfg.Tables {
		e := &v.cfg.Tables[i]
		v.name("tables", "table", e.Name, e.Pos)
		v.loadTable("tables."+e.Name, &e.Value)
	}
}
