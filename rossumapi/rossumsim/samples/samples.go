// Package samples holds webhook payloads of made-up invoices in the shape
// Rossum sends them, for the simulator to take over.
package samples

import (
	"embed"
	"fmt"
)

//go:embed *.json
var files embed.FS

// All returns the payloads, each one annotation_content.export.
func All() [][]byte {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(fmt.Sprintf("samples: %v", err)) // embedded: cannot be missing
	}
	var all [][]byte
	for _, e := range entries {
		data, err := files.ReadFile(e.Name())
		if err != nil {
			panic(fmt.Sprintf("samples: %v", err))
		}
		all = append(all, data)
	}
	return all
}
