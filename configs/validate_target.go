package configs

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // opening hours have time zones, and a container may have none
)

func (v *validator) targets() {
	for _, e := range v.cfg.Targets {
		v.name("targets", "target", e.Name, e.Pos)
		v.target("targets."+e.Name, e.Value)
	}
}

func (v *validator) target(path string, t Target) {
	transports := t.transports()
	if len(transports) != 1 {
		v.wrong(path, "a target has exactly one of http, sftp, s3 and dir, got "+list(transports), "write http: {base_url: https://HOST}")
	}
	switch {
	case t.HTTP != nil:
		v.httpTarget(path+".http", *t.HTTP)
	case t.SFTP != nil:
		v.sftpTarget(path+".sftp", *t.SFTP)
	case t.S3 != nil:
		v.s3Target(path+".s3", *t.S3)
	}
	if t.Breaker.Max < t.Breaker.Pause {
		v.wrong(path+".breaker.max", "max is shorter than pause", "raise it")
	}
	if t.Hours != nil {
		v.hours(path+".hours", *t.Hours)
	}
}

func (t Target) transports() []string {
	var given []string
	for name, ok := range map[string]bool{"http": t.HTTP != nil, "sftp": t.SFTP != nil, "s3": t.S3 != nil, "dir": t.Dir != nil} {
		if ok {
			given = append(given, name)
		}
	}
	slices.Sort(given)
	return given
}

// list writes words for a message.
func list(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, " and ")
}

func (v *validator) httpTarget(path string, t HTTPTarget) {
	v.targetURL(path, t)
	v.tls(path+".tls", t.TLS)
	if ways := t.authentications(); len(ways) > 1 {
		v.wrong(path, "a target has at most one of basic, bearer, api_key, oauth2 and oauth1, got "+list(ways), "keep one")
	}
	if t.Proxy != "" {
		if u, err := url.Parse(t.Proxy); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			v.wrong(path+".proxy", "not a proxy URL", "write http://HOST:PORT")
		}
	}
	if key := t.APIKey; key != nil && (key.Header == "") == (key.Query == "") {
		v.wrong(path+".api_key", "an api_key travels in exactly one of header and query", "write header: X-API-Key")
	}
	if t.OAuth2 != nil {
		v.oauth2(path+".oauth2", *t.OAuth2)
	}
}

func (t HTTPTarget) authentications() []string {
	var given []string
	for name, ok := range map[string]bool{
		"basic": t.Basic != nil, "bearer": !t.Bearer.IsZero(), "api_key": t.APIKey != nil, "oauth2": t.OAuth2 != nil, "oauth1": t.OAuth1 != nil,
	} {
		if ok {
			given = append(given, name)
		}
	}
	slices.Sort(given)
	return given
}

// targetURL checks the base URL. One that settings decide needs the hosts it may become.
func (v *validator) targetURL(path string, t HTTPTarget) {
	base := t.BaseURL.Source
	if base == "" {
		return
	}
	if strings.Contains(base, "{{") {
		if len(t.Hosts) == 0 {
			v.wrong(path+".base_url", "a base_url with a template needs hosts: settings could send invoices anywhere", "add hosts: [erp.example.com]")
		}
		return
	}
	u, err := url.Parse(base)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		v.wrong(path+".base_url", "not an absolute URL", "write https://HOST")
	case u.User != nil:
		v.wrong(path+".base_url", "a user or password in the URL would reach logs", "use basic: {username: ..., password: ...}")
	case u.RawQuery != "" || u.Fragment != "":
		v.wrong(path+".base_url", "a base_url has no query", "put query into the steps")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		v.doubtful(path+".base_url", "http carries invoices and credentials in clear text", "write https:// for http://")
	}
}

func (v *validator) oauth2(path string, o OAuth2Auth) {
	if (o.TokenURL == "") == (o.TokenPath == "") {
		v.wrong(path, "oauth2 has exactly one of token_url and token_path", "write token_path: /oauth2/token")
	}
	if u, err := url.Parse(o.TokenURL); o.TokenURL != "" && (err != nil || u.Host == "" || u.Scheme != "https" && !isLoopback(u.Hostname())) {
		v.wrong(path+".token_url", "not an https URL", "write https://HOST/PATH")
	}
	missing := ""
	switch {
	case o.Grant == "refresh_token" && o.RefreshToken.IsZero():
		missing = "refresh_token"
	case o.Grant == "jwt_bearer" && o.JWT == nil:
		missing = "jwt"
	case o.Grant != "jwt_bearer" && o.ClientID == "":
		missing = "client_id"
	}
	if missing != "" && !v.failed[path+"."+missing] {
		v.wrong(path, fmt.Sprintf("the grant %s needs %s", o.Grant, missing), "add "+missing)
	}
}

func (v *validator) sftpTarget(path string, t SFTPTarget) {
	if t.Password.IsZero() && t.PrivateKey.IsZero() && !v.failed[path+".password"] && !v.failed[path+".private_key"] {
		v.wrong(path, "sftp needs a password or a private_key", "add private_key: file:PATH")
	}
	if _, _, err := net.SplitHostPort(t.Address); t.Address != "" && err != nil {
		v.wrong(path+".address", "not host:port", "add the port, :22")
	}
}

func (v *validator) s3Target(path string, t S3Target) {
	if t.AccessKey.IsZero() != t.SecretKey.IsZero() {
		v.wrong(path, "access_key and secret_key go together", "add the other one")
	}
}

func (v *validator) hours(path string, h Hours) {
	week := []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
	for i, day := range h.Days {
		if at := fmt.Sprintf("%s.days[%d]", path, i); !slices.Contains(week, day) {
			v.wrong(at, "unknown day "+v.show(at, day), "one of "+strings.Join(week, ", "))
		}
	}
	for key, clock := range map[string]string{"from": h.From, "to": h.To} {
		if _, err := time.Parse("15:04", clock); clock != "" && err != nil {
			v.wrong(path+"."+key, "not a time of day: "+v.show(path+"."+key, clock), "write 06:30 in quotes")
		}
	}
	if h.From != "" && h.From == h.To {
		v.wrong(path+".to", "from and to are the same: never open", "leave hours out for always open")
	}
	if _, err := time.LoadLocation(h.Zone); err != nil || h.Zone == "Local" {
		v.wrong(path+".zone", "unknown time zone "+v.show(path+".zone", h.Zone), "write an IANA name such as Europe/Prague")
	}
	for i, date := range h.Closed {
		if _, err := time.Parse(time.DateOnly, date); err != nil {
			at := fmt.Sprintf("%s.closed[%d]", path, i)
			v.wrong(at, "not a date: "+v.show(at, date), "write 2026-12-25")
		}
	}
}
