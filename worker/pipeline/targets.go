package pipeline

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
)

// targetCode is what of a target depends on the run.
type targetCode struct {
	path    string
	http    bool
	baseURL *code
	fixed   bool // base_url is no template
	hosts   []string
	headers []named
	timeout time.Duration
}

func (c *compiler) targets() map[string]*targetCode {
	all := map[string]*targetCode{}
	for _, e := range c.cfg.Targets {
		t := &targetCode{path: "targets." + e.Name, timeout: e.Value.Timeout.D()}
		if h := e.Value.HTTP; h != nil {
			t.http, t.hosts, t.fixed = true, h.Hosts, !strings.Contains(h.BaseURL.Source, "{")
			t.baseURL = c.template(t.path+".http.base_url", h.BaseURL, names{pipeline: &configs.Pipeline{}})
			t.headers = c.all(t.path+".http.headers", h.Headers, names{pipeline: &configs.Pipeline{}})
		}
		all[e.Name] = t
	}
	return all
}

// base is the target's base URL for a run, and the headers it sends with everything.
func (t *targetCode) base(f *frame) (string, http.Header, error) {
	if !t.http {
		return "", nil, nil
	}
	raw, err := t.baseURL.string(f)
	if err != nil {
		return "", nil, err
	}
	if !t.fixed && !t.allowed(raw) {
		return "", nil, outcome.Errorf(outcome.Misconfigured, "host_not_allowed",
			"%s: base_url became an address that hosts does not allow", t.path)
	}
	h, err := headerOf(f, t.headers)
	return raw, h, err
}

// allowed reports whether a computed base URL leads to one of the target's hosts. An entry is a host, host:port, or
// *.domain for the hosts below it.
func (t *targetCode) allowed(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.User != nil || u.Host == "" || strings.ContainsAny(raw, "\\@") {
		return false
	}
	return slices.ContainsFunc(t.hosts, func(entry string) bool {
		entry = strings.ToLower(entry)
		name := strings.ToLower(u.Hostname())
		if strings.Contains(entry, ":") {
			name = strings.ToLower(u.Host)
		}
		if domain, ok := strings.CutPrefix(entry, "*"); ok {
			return strings.HasPrefix(domain, ".") && strings.HasSuffix(name, domain)
		}
		return name == entry
	})
}

// headerOf evaluates headers. Null leaves one out; a line break would begin another.
func headerOf(f *frame, list []named) (http.Header, error) {
	header := http.Header{}
	for _, h := range list {
		v, err := h.value(f)
		if err != nil {
			return nil, err
		}
		if v == nil {
			continue
		}
		text, ok := textOf(v)
		if !ok || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return nil, outcome.Errorf(outcome.Misconfigured, "header", "%s (%s): a header is one line of text", h.path, h.pos)
		}
		header.Set(h.name, text)
	}
	return header, nil
}

// valuesOf evaluates the parameters of a query or form. Null leaves one out, a list repeats it.
func valuesOf(f *frame, list []named) (url.Values, error) {
	if len(list) == 0 {
		return nil, nil
	}
	values := url.Values{}
	for _, p := range list {
		v, err := p.value(f)
		if err != nil {
			return nil, err
		}
		for _, item := range itemsOf(v) {
			text, ok := textOf(item)
			if !ok {
				return nil, outcome.Errorf(outcome.Misconfigured, "not_text", "%s (%s): text is needed here, not %s", p.path, p.pos, kindOf(item))
			}
			values.Add(p.name, text)
		}
	}
	return values, nil
}
