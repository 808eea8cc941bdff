package dirtarget_test

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target"
	dirtarget "github.com/rossum-relay/rossum-relay/worker/target/dir"
	"github.com/rossum-relay/rossum-relay/worker/target/targettest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, path, collision string) *dirtarget.Target {
	t.Helper()
	tg, err := dirtarget.New("archive", configs.DirTarget{Path: path, Collision: collision}, dirtarget.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tg.Close)
	return tg
}

// place is a directory with a folder in, within another.
func place(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "archive")
	if err := os.MkdirAll(filepath.Join(path, "in"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// filesIn are the files below a directory, by name.
func filesIn(t *testing.T, path string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(path, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := os.ReadFile(name)
		relative, _ := filepath.Rel(path, name)
		files[filepath.ToSlash(relative)] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestConformance(t *testing.T) {
	targettest.Run(t, targettest.Suite{
		Situations: []targettest.Situation{targettest.Full},
		Open: func(t *testing.T, s targettest.Situation) targettest.Far {
			path := place(t)
			if s == targettest.Full {
				fillUp(t, path)
			}
			return targettest.Far{
				Target: open(t, path, "same"),
				Write: func(name string, body []byte) *target.Request {
					return &target.Request{Method: http.MethodPut, Path: "in/" + name, Body: body}
				},
				Applied: func() (bodies [][]byte) {
					for name, content := range filesIn(t, path) {
						if name != "ballast" {
							bodies = append(bodies, []byte(content))
						}
					}
					return bodies
				},
				Outside: func() bool {
					outside, err := os.ReadDir(filepath.Dir(path))
					return err != nil || len(outside) != 1 || strings.HasPrefix(strings.Join(namesIn(t, path), " "), "..")
				},
			}
		},
	})
}

func namesIn(t *testing.T, path string) (names []string) {
	for name := range filesIn(t, path) {
		names = append(names, name)
	}
	return names
}

func TestFiles(t *testing.T) {
	targettest.RunFiles(t, func(t *testing.T, collision string) targettest.FileStore {
		path := place(t)
		return targettest.FileStore{
			Target: open(t, path, collision),
			Put: func(name, content string) {
				if err := os.WriteFile(filepath.Join(path, name), []byte(content), 0o644); err != nil {
					t.Fatal(err)
				}
			},
			Files: func() map[string]string { return filesIn(t, path) },
		}
	})
}

func TestStreams(t *testing.T) {
	targettest.Streams(t, open(t, place(t), "same"), "in/a.xml")
}

func TestStaysInside(t *testing.T) {
	path := place(t)
	outside := t.TempDir()
	for link, to := range map[string]string{
		"in/folder": outside, "in/file.xml": filepath.Join(outside, "file.xml"), "in/up": "../..", "inner": "in",
	} {
		if err := os.Symlink(to, filepath.Join(path, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(outside, "there.xml"), []byte("<secret/>"), 0o644); err != nil {
		t.Fatal(err)
	}
	tg := open(t, path, "same")
	for _, name := range []string{"in/folder/a.xml", "in/folder/there.xml", "in/file.xml", "in/up/a.xml"} {
		for _, method := range []string{http.MethodPut, http.MethodGet} {
			resp, out := tg.Do(t.Context(), &target.Request{Method: method, Path: name, Body: []byte("<a/>")})
			if out.Kind != outcome.Misconfigured || out.Reason != "outside" || resp != nil {
				t.Errorf("%s %s: %s %s (%s)", method, name, out.Kind, out.Reason, out.Message)
			}
		}
	}
	if files := filesIn(t, outside); len(files) != 1 {
		t.Errorf("written outside: %v", files)
	}
	if _, out := tg.Do(t.Context(), &target.Request{Path: "inner/a.xml", Body: []byte("<a/>")}); out.Kind != outcome.OK {
		t.Errorf("a link within the directory: %s (%s)", out.Kind, out.Message)
	}
}

func TestMisconfigured(t *testing.T) {
	path := place(t)
	if err := os.Mkdir(filepath.Join(path, "in", "folder.xml"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ path, file, reason string }{
		"no directory":  {filepath.Join(path, "missing"), "a.xml", "no_folder"},
		"no folder":     {path, "missing/a.xml", "no_folder"},
		"a folder":      {path, "in/folder.xml", "not_a_file"},
		"a file before": {path, "in/a.xml/b.xml", "no_folder"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(path, "in", "a.xml"), nil, 0o644); err != nil {
				t.Fatal(err)
			}
			_, out := open(t, c.path, "same").Do(t.Context(), &target.Request{Path: c.file, Body: []byte("<a/>")})
			if out.Kind != outcome.Misconfigured || out.Reason != c.reason {
				t.Errorf("%s %s (%s)", out.Kind, out.Reason, out.Message)
			}
			if strings.Contains(out.Message, path) || strings.Contains(out.Message, c.file) {
				t.Errorf("the message holds a path: %s", out.Message)
			}
		})
	}
}

func TestNoPermission(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere")
	}
	path := place(t)
	if err := os.Chmod(filepath.Join(path, "in"), 0o555); err != nil {
		t.Fatal(err)
	}
	_, out := open(t, path, "same").Do(t.Context(), &target.Request{Path: "in/a.xml", Body: []byte("<a/>")})
	if out.Kind != outcome.Misconfigured || out.Reason != "permission" {
		t.Errorf("%s %s (%s)", out.Kind, out.Reason, out.Message)
	}
}

func TestInstance(t *testing.T) {
	a, b := open(t, "/srv/archive", "same"), open(t, "/srv//archive/", "suffix")
	if a.Instance() != "dir /srv/archive" || a.Instance() != b.Instance() {
		t.Errorf("%q, %q", a.Instance(), b.Instance())
	}
	if _, err := dirtarget.New("archive", configs.DirTarget{}, dirtarget.Options{}); err == nil {
		t.Error("a target without a path")
	}
}
