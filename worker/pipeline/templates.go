package pipeline

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rossum-relay/rossum-relay/configs"
)

// The limits of template files.
const (
	maxTemplateFile  = 4 << 20
	maxTemplateFiles = 200
)

// templateFiles are the template files of a configuration by the name steps use, with the other templates of their
// folders, which they may include by name.
type templateFiles map[string]templateFile

type templateFile struct {
	path   string
	source string
	err    error
}

// readTemplates reads the files that render steps name, and the .j2 files beside them.
func (c *compiler) readTemplates() templateFiles {
	files := templateFiles{}
	for _, p := range c.cfg.Pipelines {
		for _, s := range p.Value.Steps {
			if s.Render == "" {
				continue
			}
			files.read(c.path(s.Render), s.Render)
			beside, _ := filepath.Glob(filepath.Join(escapeGlob(filepath.Dir(c.path(s.Render))), "*.j2")) // a bad pattern cannot be
			slices.Sort(beside)
			for _, path := range beside {
				files.read(path, filepath.ToSlash(filepath.Join(filepath.Dir(s.Render), filepath.Base(path))))
			}
		}
	}
	return files
}

// path is where a file of the configuration lies: relative names are relative to the configuration's folder.
func (c *compiler) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(c.cfg.File), name)
}

func escapeGlob(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

func (t templateFiles) read(path, name string) {
	if _, ok := t[name]; ok || len(t) == maxTemplateFiles {
		return
	}
	source, err := readFile(path)
	t[name] = templateFile{path: path, source: source, err: err}
}

func readFile(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxTemplateFile+1))
	if err == nil && len(data) > maxTemplateFile {
		err = fmt.Errorf("larger than %d MiB", maxTemplateFile>>20)
	}
	return string(data), err
}

// usable are the templates others may include: those that can be read and compiled. The others are reported where a
// step names them.
func (t templateFiles) usable() map[string]string {
	sources := map[string]string{}
	strict, _, err := environments(&configs.Config{}, nil)
	if err != nil {
		return nil
	}
	for name, file := range t {
		if file.err == nil {
			if _, err := strict.Compile(name, file.source); err == nil {
				sources[name] = file.source
			}
		}
	}
	return sources
}
