package xml

import (
	"maps"
	"strings"

	"github.com/rossum-relay/rossum-relay/worker/document"
)

// legal is the production Char of XML 1.0, 2.2.
func legal(c rune) bool {
	return c == '\t' || c == '\n' || c == '\r' || c >= 0x20 && c <= 0xD7FF || c >= 0xE000 && c <= 0xFFFD || c >= 0x10000 && c <= 0x10FFFF
}

// declare adds the prefixes an element declares.
func declare(content document.Map, outer map[string]bool) (map[string]bool, error) {
	prefixes := outer
	for _, entry := range content {
		prefix, ok := strings.CutPrefix(entry.Key, "@xmlns:")
		if !ok || entry.Value == nil {
			continue
		}
		if !isName(prefix) {
			return nil, document.Misshapen("%q cannot be a namespace prefix", prefix)
		}
		if uri, _ := entry.Value.(string); uri == "" {
			return nil, document.Misshapen("the namespace of %s must be a text that is not empty", prefix)
		}
		if len(prefixes) == len(outer) {
			prefixes = maps.Clone(outer)
		}
		prefixes[prefix] = true
	}
	return prefixes, nil
}

// checkName demands a name with at most one prefix, which is declared (Namespaces in XML 1.0).
func checkName(name string, prefixes map[string]bool) error {
	prefix, local, found := strings.Cut(name, ":")
	if !found {
		prefix, local = "", name
	}
	switch {
	case !isName(local), found && !isName(prefix):
		return document.Misshapen("%q cannot be a name in XML", name)
	case !prefixes[prefix]:
		return document.Misshapen("the prefix of %s is not declared; add @xmlns:%s", name, prefix)
	}
	return nil
}

// isName is the production NCName.
func isName(s string) bool {
	for i, c := range s {
		start := c == '_' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' ||
			c >= 0xC0 && c <= 0x2FF && c != 0xD7 && c != 0xF7 || c >= 0x370 && c <= 0x1FFF && c != 0x37E ||
			c == 0x200C || c == 0x200D || c >= 0x2070 && c <= 0x218F || c >= 0x2C00 && c <= 0x2FEF ||
			c >= 0x3001 && c <= 0xD7FF || c >= 0xF900 && c <= 0xFDCF || c >= 0xFDF0 && c < 0xFFFD || c >= 0x10000 && c <= 0xEFFFF
		if start {
			continue
		}
		later := c == '-' || c == '.' || c >= '0' && c <= '9' || c == 0xB7 || c >= 0x300 && c <= 0x36F || c == 0x203F || c == 0x2040
		if i == 0 || !later {
			return false
		}
	}
	return s != ""
}
