package configs

import _ "embed" // for demo.yaml

//go:embed demo.yaml
var demo string

// Demo is the configuration of the command demo, with variables for addresses and made-up secrets.
func Demo() []byte { return []byte(demo) }
