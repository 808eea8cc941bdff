package configs

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
)

// Option changes how a configuration is read.
type Option func(*options)

type options struct {
	env   func(string) (string, bool)
	roles []Role
}

// WithEnv looks variables up in env instead of the process's environment.
func WithEnv(env func(name string) (string, bool)) Option {
	return func(o *options) { o.env = env }
}

// WithRoles reads what the roles need. Variables that only other roles use may be unset, whose values are then empty,
// and tables are loaded for RoleWorker only.
func WithRoles(roles ...Role) Option {
	return func(o *options) { o.roles = roles }
}

// Load reads a configuration file and the tables it names, and validates all of it. The error is Errors when the file
// could be read. Secrets are not fetched: see Config.Resolve.
func Load(path string, opts ...Option) (*Config, error) {
	data, err := readBounded(path, maxFile+1)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return Parse(path, data, opts...)
}

// Parse is Load for data that is at hand. Relative paths in it are relative to the folder of name, which also stands in
// positions. The error is Errors.
func Parse(name string, data []byte, opts ...Option) (*Config, error) {
	o := options{env: os.LookupEnv}
	for _, opt := range opts {
		opt(&o)
	}
	sum := sha256.Sum256(data)
	cfg := &Config{File: name, Hash: hex.EncodeToString(sum[:])}
	tree, errs := parseYAML(name, data)
	if tree.Kind == NodeNone && len(errs) > 0 {
		return nil, errs.Err()
	}
	d := newDecoder(filepath.Dir(name), o.env)
	d.errs, d.roles = errs, o.roles
	root := Pos{File: name, Line: 1, Column: 1}
	if tree.Kind == NodeNone {
		tree.Kind, tree.Pos = NodeMap, root
	}
	d.decode(orEmptyMap(Entry[Node]{Pos: root, Value: tree}), reflect.ValueOf(cfg).Elem(), place{pos: root})
	cfg.positions = d.positions
	if d.failed[""] && tree.Kind != NodeMap {
		return nil, d.errs.Err() // nothing to validate
	}
	cfg.derive()
	validate(cfg, d)
	d.warnings.Sort()
	cfg.Warnings = d.warnings
	if err := d.errs.Err(); err != nil {
		return nil, err
	}
	return cfg, nil
}

// derive fills the defaults that depend on other values.
func (c *Config) derive() {
	if c.Console.Index.File == "" {
		c.Console.Index.File = filepath.Join(c.Queue.Data, "console.db")
	}
	if c.Queue.MaxEvents == 0 && c.Queue.URL == "" { // a cluster has limits of its own, and reserves what a stream may use
		c.Queue.MaxEvents = c.Queue.MaxStore / 2
	}
	if c.Queue.Replicas == 0 {
		c.Queue.Replicas = 1
		if c.Queue.URL != "" {
			c.Queue.Replicas = 3
		}
	}
}

// Path is a path of the configuration as the process can open it: relative ones are relative to the file's folder.
func (c *Config) Path(path string) string {
	return relativeTo(filepath.Dir(c.File), path)
}

func relativeTo(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// Given reports whether the value with a path such as pipelines.coupa-invoice.steps.draft.format stands in the file.
func (c *Config) Given(path string) bool {
	_, given := c.positions[path]
	return given
}

// Pos is where the value with a path such as pipelines.coupa-invoice.steps.draft.post stands, or the nearest value
// around it. Values given by default stand at what they belong to.
func (c *Config) Pos(path string) Pos {
	for {
		if pos, ok := c.positions[path]; ok {
			return pos
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			return Pos{File: c.File, Line: 1, Column: 1}
		}
		path = path[:cut]
	}
}

// readBounded reads at most limit bytes of a regular file.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	return io.ReadAll(io.LimitReader(f, limit))
}
