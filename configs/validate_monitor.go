package configs

import (
	"net"
	"net/mail"
	"net/url"
	"slices"
)

func (v *validator) monitor() {
	if listen := v.cfg.Metrics.Listen; listen != Off {
		if _, _, err := net.SplitHostPort(listen); err != nil {
			v.wrong("metrics.listen", "not an address", "write 127.0.0.1:9464, or off")
		}
	}
	v.traces()
	if needs(v.roles, string(RoleWorker)) {
		v.alerts()
	}
}

func (v *validator) traces() {
	t := v.cfg.Traces
	if t.Endpoint != "" {
		u, err := url.Parse(t.Endpoint)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
			v.wrong("traces.endpoint", "not an absolute URL", "write http://HOST:4318")
		case u.User != nil || u.RawQuery != "":
			v.wrong("traces.endpoint", "a user or query in the URL would reach logs", "use headers")
		}
	}
	if t.Sample > 100 {
		v.wrong("traces.sample", "more than 100 of a hundred", "write 100")
	}
}

func (v *validator) alerts() {
	if v.cfg.Alerts.QueueFull > 100 {
		v.wrong("alerts.queue_full", "more than 100 percent", "write 80")
	}
	for _, e := range v.cfg.Alerts.Receivers {
		path := "alerts.receivers." + e.Name
		v.name("alerts.receivers", "receiver", e.Name, e.Pos)
		if kinds := e.Value.kinds(); len(kinds) != 1 {
			v.wrong(path, "a receiver has exactly one of webhook, slack and smtp, got "+list(kinds), "write webhook: {url: ...}")
		}
		if m := e.Value.SMTP; m != nil {
			v.smtp(path+".smtp", *m)
		}
	}
}

func (r Receiver) kinds() []string {
	var given []string
	for name, ok := range map[string]bool{"webhook": r.Webhook != nil, "slack": r.Slack != nil, "smtp": r.SMTP != nil} {
		if ok {
			given = append(given, name)
		}
	}
	slices.Sort(given)
	return given
}

func (v *validator) smtp(path string, m SMTPReceiver) {
	host, _, err := net.SplitHostPort(m.Address)
	if m.Address != "" && err != nil {
		v.wrong(path+".address", "not host:port", "write HOST:587")
	}
	if (m.Username == "") != m.Password.IsZero() && !v.failed[path+".password"] {
		v.wrong(path, "username and password go together", "add the other one")
	}
	if m.Encryption == "none" && m.Username != "" && !isLoopback(host) {
		v.wrong(path+".encryption", "the password would travel in clear text", "write starttls or tls")
	}
	if _, err := mail.ParseAddress(m.From); m.From != "" && err != nil {
		v.wrong(path+".from", "not a mail address", "write relay@acme.example")
	}
	for i, to := range m.Recipients {
		if _, err := mail.ParseAddress(to); err != nil {
			v.wrong(place{path: path + ".recipients"}.item(i, Pos{}).path, "not a mail address", "write ap@acme.example")
		}
	}
}
