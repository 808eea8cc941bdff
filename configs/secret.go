package configs

import (
	"fmt"
	"io"
	"strings"
)

// mask is all that is ever printed of a Secret.
const mask = "[secret]"

// Secret is a password, key or token of the configuration. It cannot print itself: fmt, JSON, YAML and text encoders
// all give [secret], and copies share one value behind a function, because fmt looks through pointers in the unexported
// fields of other structs. Load only records where a secret comes from; Config.Resolve fetches it, before the
// secret is shared between goroutines.
type Secret struct{ hidden func() *secretState }

type secretState struct {
	written  string // as in the file: text with ${NAME}, or file:PATH
	source   string // for messages
	dir      string // what PATH is relative to
	env      func(string) (string, bool)
	value    string
	resolved bool
	pos      Pos
	path     string
}

// plainText is the source of a secret written into the configuration itself.
const plainText = "plain text"

// NewSecret makes a resolved secret of a value, for tests, simulators and generated keys. An empty value gives the zero
// Secret.
func NewSecret(value string) Secret {
	if value == "" {
		return Secret{}
	}
	return newSecret(&secretState{source: plainText, value: value, resolved: true})
}

func newSecret(state *secretState) Secret {
	return Secret{func() *secretState { return state }}
}

// IsZero reports whether no secret is configured.
func (s Secret) IsZero() bool { return s.hidden == nil }

// Reveal is the secret itself, "" for the zero Secret. It panics for a secret that Config.Resolve was not asked for:
// a role that uses a secret it does not resolve is a mistake of the program, never of the configuration.
func (s Secret) Reveal() string {
	if s.IsZero() {
		return ""
	}
	state := s.hidden()
	if !state.resolved {
		panic(fmt.Sprintf("configs: secret %s (%s) is not resolved for this role", state.path, state.source))
	}
	return state.value
}

// Source says where the secret comes from, for messages: ${NAME}, file:PATH or plain text; "" for the zero Secret.
func (s Secret) Source() string {
	if s.IsZero() {
		return ""
	}
	return s.hidden().source
}

// File is the path of a secret that is kept in a file, "" for one that is not, or whose path names an unset variable.
func (s Secret) File() string {
	if s.IsZero() {
		return ""
	}
	state := s.hidden()
	path, err := expand(state.written, state.env)
	path, inFile := strings.CutPrefix(path, filePrefix)
	if err != nil || !inFile || !strings.HasPrefix(state.written, filePrefix) {
		return ""
	}
	return relativeTo(state.dir, path)
}

// String is [secret].
func (s Secret) String() string { return mask }

// GoString is [secret].
func (s Secret) GoString() string { return mask }

// Format writes [secret] for every verb and flag.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, mask) }

// MarshalJSON gives the string [secret].
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + mask + `"`), nil }

// MarshalText gives [secret], which YAML encoders use too.
func (s Secret) MarshalText() ([]byte, error) { return []byte(mask), nil }
