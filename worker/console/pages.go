package console

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/console/access"
)

//go:embed templates
var templates embed.FS

// pages are the parsed templates, by name.
type pages struct {
	all map[string]*template.Template
}

// page is what every template gets.
type page struct {
	Title string
	// At is the entry of the menu the page belongs to.
	At      string
	Theme   string // light, dark, or empty for the system's
	Who     access.Principal
	Open    bool // nobody logs in
	Version string
	Said    string // what an action before has done
	URL     *url.URL
	Data    any
}

// May reports whether who looks may do what needs the role.
func (p page) May(role configs.ConsoleRole) bool { return p.Who.Role.Covers(role) }

func parsePages(now func() time.Time) (*pages, error) {
	base, err := template.New("layout.html").Funcs(functions(now)).ParseFS(templates, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	names, err := fs.Glob(templates, "templates/page_*.html")
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	p := &pages{all: map[string]*template.Template{}}
	for _, name := range names {
		clone, err := base.Clone()
		if err != nil {
			return nil, fmt.Errorf("console: %w", err)
		}
		if clone, err = clone.ParseFS(templates, name); err != nil {
			return nil, fmt.Errorf("console: %w", err)
		}
		p.all[strings.TrimSuffix(strings.TrimPrefix(path.Base(name), "page_"), ".html")] = clone
	}
	return p, nil
}

// show renders a page; an error leaves the answer untouched.
func (c *call) show(status int, name, title, at string, data any) error {
	p := page{
		Title: title, At: at, Theme: themeOf(c.r), Who: c.who, Open: c.s.Config.Console.IsOpen(), Version: c.s.Version,
		Said: said(c.r.URL.Query().Get("said")), URL: c.r.URL, Data: data,
	}
	var b bytes.Buffer
	if err := c.s.pages.all[name].Execute(&b, p); err != nil {
		return fmt.Errorf("console: page %s: %w", name, err)
	}
	c.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	c.w.WriteHeader(status)
	_, _ = c.w.Write(b.Bytes())
	return nil
}

// refusePage shows an error; who must log in is sent there.
func refusePage(c *call, err error) {
	status, text := statusOf(err)
	if isOneOf(err, access.ErrUnknown) && c.r.Method == http.MethodGet {
		http.Redirect(c.w, c.r, "/login?to="+url.QueryEscape(c.r.URL.RequestURI()), http.StatusSeeOther)
		return
	}
	if err := c.show(status, "error", "That did not work", "", text); err != nil {
		http.Error(c.w, text, status)
	}
}

// said is what the page after an action tells: texts of the console's own only, as anybody can write a link.
func said(code string) string {
	return map[string]string{
		"replayed": "The run is back at work.", "edited": "The edit is kept beside the original payload, and the run is back at work.",
		"resolved": "Your word is noted, and the run goes on.", "dropped": "The run is dropped.", "cancelled": "The run is cancelled.",
		"resumed": "The run goes on now.", "held": "It is held. Runs park until you resume it.", "lifted": "The hold is lifted; parked runs were woken.",
		"forgotten": "The line is forgotten. If the invoice comes again it is delivered again.", "stopped": "The bulk action stops after the letter it is at.",
	}[code]
}

const themeCookie = "rossum-relay-theme"

// themeOf is the theme somebody chose, "" for the system's.
func themeOf(r *http.Request) string {
	if c, err := r.Cookie(themeCookie); err == nil && (c.Value == "light" || c.Value == "dark") {
		return c.Value
	}
	return ""
}

// functions are what templates may call.
func functions(now func() time.Time) template.FuncMap {
	return template.FuncMap{
		"ago":       func(t time.Time) string { return agoText(now(), t) },
		"in":        func(t time.Time) string { return agoText(t, now()) },
		"clock":     func(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") },
		"stamp":     func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"took":      tookText,
		"text":      func(v any) string { return clean(fmt.Sprint(v), mostText) },
		"short":     func(v any) string { return cut(clean(fmt.Sprint(v), mostText), 160) },
		"join":      func(list []string) string { return clean(strings.Join(list, " / "), mostText) },
		"raw":       func(v json.RawMessage) string { return clean(strings.Trim(string(v), `"`), mostText) },
		"count":     countText,
		"states":    states,
		"chart":     chartOf,
		"withQuery": withQuery,
		"menu":      menu,
		"sinces":    sinces,
		"hold":      func(kind, name string, held bool) holdView { return holdView{kind, name, held} },
		"sub":       func(a, b int) int { return a - b },
		"count64":   func(n uint64) string { return countText(int(n)) }, //nolint:gosec // a count
		"tone":      tone,
		"lines":     func(text string) []string { return strings.Split(strings.TrimRight(clean(text, mostText), "\n"), "\n") },
		"diffTone":  diffTone,
	}
}

// entry is one of the menu, or of a list of choices.
type entry struct{ Name, Path, At, Value string }

func menu() []entry {
	return []entry{
		{Name: "Overview", Path: "/", At: "overview"}, {Name: "Dead letters", Path: "/dead", At: "dead"}, {Name: "Runs", Path: "/runs", At: "runs"},
		{Name: "Targets & pipelines", Path: "/targets", At: "targets"}, {Name: "Deliveries", Path: "/deliveries", At: "deliveries"},
		{Name: "Audit", Path: "/audit", At: "audit"},
	}
}

// sinces are the times letters can have died within.
func sinces() []entry {
	return []entry{{Name: "an hour", Value: "1h"}, {Name: "a day", Value: "24h"}, {Name: "a week", Value: "7d"}, {Name: "30 days", Value: "30d"}}
}

// holdView is the form to hold something, or to lift its hold.
type holdView struct {
	Kind, Name string
	Held       bool
}

// withQuery is the address with one parameter changed, or removed where the value is empty.
func withQuery(u *url.URL, name string, value any) string {
	v := u.Query()
	v.Del("said")
	if text := fmt.Sprint(value); text != "" {
		v.Set(name, text)
	} else {
		v.Del(name)
	}
	return u.Path + "?" + v.Encode()
}
