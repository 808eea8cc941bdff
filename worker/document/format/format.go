// Package format names the formats an invoice can be written in. A further one
// is a folder beside this and a line here.
package format

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rossum-relay/rossum-relay/worker/document/cii"
	"github.com/rossum-relay/rossum-relay/worker/document/invoice"
	"github.com/rossum-relay/rossum-relay/worker/document/ubl"
)

// encoders are all formats by name; constant.
var encoders = map[string]invoice.Encoder{
	"ubl": ubl.Encode,
	"cii": cii.Encode,
}

// Find returns the encoder of a format.
func Find(name string) (invoice.Encoder, error) {
	if encode, ok := encoders[name]; ok {
		return encode, nil
	}
	return nil, fmt.Errorf("unknown invoice format %q, there are: %s", name, strings.Join(Names(), ", "))
}

// Names returns the names of all formats, sorted.
func Names() []string {
	names := make([]string, 0, len(encoders))
	for name := range encoders {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
