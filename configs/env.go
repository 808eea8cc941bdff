package configs

import (
	"fmt"
	"regexp"
	"strings"
)

// variable matches $${ (an escaped ${), ${NAME} and ${NAME:-default}. Anything else after a dollar sign, as in the
// template ${{ value.amount_total }}, is text.
var variable = regexp.MustCompile(`\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(:-[^}]*)?\}`)

// expand replaces the variables of a decoded string. It works on values, never on the file's text, so a variable cannot
// bring YAML with it. An empty variable counts as set, except that :- replaces it, as in a shell.
func expand(s string, env func(string) (string, bool)) (string, error) {
	var unset []string
	out := variable.ReplaceAllStringFunc(s, func(match string) string {
		if match == "$${" {
			return "${"
		}
		parts := variable.FindStringSubmatch(match)
		value, ok := env(parts[1])
		if parts[2] != "" && value == "" {
			return strings.TrimPrefix(parts[2], ":-")
		}
		if !ok {
			unset = append(unset, parts[1])
		}
		return value
	})
	if len(unset) > 0 {
		return "", fmt.Errorf("environment variable %s is not set", strings.Join(unset, ", "))
	}
	return out, nil
}

// variables lists the ${...} of a string as written, without defaults; nil when there are none.
func variables(s string) []string {
	var names []string
	for _, parts := range variable.FindAllStringSubmatch(s, -1) {
		if parts[1] != "" {
			names = append(names, "${"+parts[1]+"}")
		}
	}
	return names
}
