package configs

import (
	"net"
	"net/url"
	"regexp"
	"slices"
)

// Console configures the operators' pages and their API.
type Console struct {
	// Listen address; off for none. Any other than a loopback address needs users or tokens. Defaults to 127.0.0.1:8090. Where it is taken, "run" goes on without a console.
	Listen string `yaml:"listen" default:"127.0.0.1:8090"`
	// PublicURL is how browsers reach the console through a proxy that ends TLS; with https its cookies are sent over TLS only.
	PublicURL string `yaml:"public_url"`
	// TLS serves https with these files when set.
	TLS ServerTLS `yaml:"tls"`
	// Users may log in. Without users and tokens everybody on this machine may look and operate, but reveal nothing.
	Users Named[ConsoleUser] `yaml:"users" roles:"console"`
	// Tokens are for programs: Authorization: Bearer TOKEN.
	Tokens Named[ConsoleToken] `yaml:"tokens" roles:"console"`
	// Session is how long a login lasts. Defaults to 12h.
	Session Duration `yaml:"session" default:"12h" positive:"true"`
	// Index is the console's search index.
	Index ConsoleIndex `yaml:"index"`
}

// ConsoleRole is what a user or token of the console may do; each role may do all that the ones before it may.
type ConsoleRole string

// The roles of the console.
const (
	// MayView looks at everything, with values masked.
	MayView ConsoleRole = "view"
	// MayOperate also acts: replay, edit, resolve, drop, cancel, hold.
	MayOperate ConsoleRole = "operate"
	// MayReveal also sees values in clear; each look is noted.
	MayReveal ConsoleRole = "reveal"
)

// Covers reports whether the role may do what needs the other one.
func (r ConsoleRole) Covers(needed ConsoleRole) bool {
	all := []ConsoleRole{MayView, MayOperate, MayReveal}
	return slices.Index(all, r) >= slices.Index(all, needed) && slices.Contains(all, needed)
}

// ConsoleUser is a person.
type ConsoleUser struct {
	// Password is the hash that "rossum-relay console password" prints.
	Password Secret `yaml:"password" required:"true"`
	// Role: view, operate or reveal. Defaults to view.
	Role ConsoleRole `yaml:"role" default:"view" enum:"view,operate,reveal"`
}

// ConsoleToken is a program.
type ConsoleToken struct {
	// Token of at least 32 characters.
	Token Secret `yaml:"token" required:"true"`
	// Role: view, operate or reveal. Defaults to view.
	Role ConsoleRole `yaml:"role" default:"view" enum:"view,operate,reveal"`
}

// ConsoleIndex is the console's search index: a disposable file that is built from what is stored.
type ConsoleIndex struct {
	// File of the index. Defaults to console.db in queue.data.
	File string `yaml:"file" file:"true"`
	// Fields are schema ids outside tables whose values can be searched by whole words. They stand in the file in clear, the one exception to sealing; without any it holds ids, states, times and keyed hashes.
	Fields []string `yaml:"fields"`
}

// schemaID is the form of a field's name in Rossum (Rossum API reference, Schema, id).
var schemaID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,50}$`)

// IsOpen reports whether the console asks nobody who he is.
func (c Console) IsOpen() bool { return len(c.Users) == 0 && len(c.Tokens) == 0 }

func (v *validator) console() {
	c := v.cfg.Console
	host, _, err := net.SplitHostPort(c.Listen)
	switch {
	case c.Listen == Off:
	case err != nil:
		v.wrong("console.listen", "not an address", "write 127.0.0.1:8090, or off")
	case !isLoopback(host) && c.IsOpen():
		v.wrong("console.listen", "others than this machine could operate the relay without a login", "add users or tokens, or write 127.0.0.1:8090")
	}
	v.serverTLS("console.tls", c.TLS)
	if u, err := url.Parse(c.PublicURL); c.PublicURL != "" && err == nil && u.Host != "" {
		v.baseURL("console.public_url", c.PublicURL)
	} else if c.PublicURL != "" {
		v.wrong("console.public_url", "not an absolute URL", "write https://HOST")
	}
	for _, e := range c.Users {
		v.name("console.users", "user", e.Name, e.Pos)
	}
	for _, e := range c.Tokens {
		v.name("console.tokens", "token", e.Name, e.Pos)
	}
	for i, field := range c.Index.Fields {
		if !schemaID.MatchString(field) {
			v.wrong(place{path: "console.index.fields"}.item(i, Pos{}).path, "not a schema id", "write document_id")
		}
	}
}
