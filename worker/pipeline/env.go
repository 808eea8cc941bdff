package pipeline

import (
	"fmt"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/jinja"
)

// environments makes the engines of a configuration: strict for expressions, lenient for template files, which may
// include each other by name.
func environments(cfg *configs.Config, templates map[string]string) (strict, lenient *jinja.Environment, err error) {
	limits := cfg.Worker.Templates
	opts := jinja.Options{
		Do:        true,
		Undefined: jinja.Strict,
		Filters:   filters(),
		Globals:   map[string]any{"null": nil},
		Limits:    jinja.Limits{Steps: limits.Steps, OutputBytes: int(limits.Output), AllocBytes: int(limits.Memory)},
	}
	if strict, err = jinja.New(opts); err != nil {
		return nil, nil, fmt.Errorf("template engine: %w", err)
	}
	opts.Undefined, opts.LoopControls, opts.Templates = jinja.Default, true, templates
	if lenient, err = jinja.New(opts); err != nil {
		return nil, nil, fmt.Errorf("template engine: %w", err)
	}
	return strict, lenient, nil
}
