package configs

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
)

// maxSecret bounds a secret file in bytes.
const maxSecret = 64 << 10

const filePrefix = "file:"

// secretSource says for messages where a written secret comes from.
func secretSource(written string) string {
	if strings.HasPrefix(written, filePrefix) {
		return written
	}
	if names := variables(written); len(names) > 0 {
		return strings.Join(names, " and ")
	}
	return plainText
}

// Resolve fetches the secrets that the roles need, of every role when none is given, and no other. The error is Errors
// with every secret that is missing or empty. It adds to Warnings, and is not safe for use beside other goroutines.
func (c *Config) Resolve(roles ...Role) error {
	r := resolver{roles: roles}
	r.walk(reflect.ValueOf(c).Elem(), "")
	r.checkKeys(c.Queue.Keys)
	r.warnings.Sort()
	for _, w := range r.warnings {
		if !slices.Contains(c.Warnings, w) {
			c.Warnings = append(c.Warnings, w)
		}
	}
	return r.errs.Err()
}

type resolver struct {
	roles    []Role
	errs     Errors
	warnings Errors
}

// walk visits every Secret below v. The roles tag nearest above a secret says who needs it.
func (r *resolver) walk(v reflect.Value, tag string) {
	if s, ok := v.Interface().(Secret); ok {
		if needs(r.roles, tag) && !s.IsZero() && !s.hidden().resolved {
			r.fetch(s.hidden())
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			r.walk(v.Elem(), tag)
		}
	case reflect.Slice:
		for i := range v.Len() {
			r.walk(v.Index(i), tag)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Field(i)
			if field.IsExported() {
				r.walk(v.Field(i), cmp.Or(field.Tag.Get("roles"), tag))
			}
		}
	}
}

func (r *resolver) fetch(s *secretState) {
	value, err := expand(s.written, s.env)
	if path, ok := strings.CutPrefix(value, filePrefix); ok && err == nil && strings.HasPrefix(s.written, filePrefix) {
		value, err = r.readFile(s, relativeTo(s.dir, path))
	}
	switch {
	case err != nil:
		r.fail(s, err.Error(), "provide it to this process, or check only the role that needs it with --role")
	case value == "":
		r.fail(s, "secret "+s.source+" is empty", "give it a value; a missing secret is left out of the file")
	default:
		s.value, s.resolved = value, true
	}
}

// readFile reads a secret without the newline that editors and secret stores put at its end.
func (r *resolver) readFile(s *secretState, path string) (string, error) {
	data, err := readBounded(path, maxSecret+1)
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	if len(data) > maxSecret {
		return "", fmt.Errorf("secret file %s is larger than %d KiB", path, maxSecret>>10)
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o004 != 0 {
		r.warnings = append(r.warnings, Error{
			Pos: s.pos, Path: s.path, Message: fmt.Sprintf("secret file %s is readable by everybody", path), Try: "chmod 0600 " + path,
		})
	}
	return strings.TrimRight(string(data), "\r\n"), nil
}

func (r *resolver) fail(s *secretState, message, try string) {
	r.errs = append(r.errs, Error{Pos: s.pos, Path: s.path, Message: message, Try: try})
}

// checkKeys checks the form of the sealing keys: 32 bytes in base64, each once.
func (r *resolver) checkKeys(keys []Secret) {
	seen := map[string]bool{}
	for _, key := range keys {
		if key.IsZero() || !key.hidden().resolved {
			continue
		}
		raw, err := base64.StdEncoding.DecodeString(key.Reveal())
		switch {
		case err != nil || len(raw) != 32:
			r.fail(key.hidden(), "a sealing key is 32 bytes in base64", "make one with: openssl rand -base64 32")
		case seen[string(raw)]:
			r.fail(key.hidden(), "the same sealing key twice", "remove one of them")
		}
		seen[string(raw)] = true
	}
}
