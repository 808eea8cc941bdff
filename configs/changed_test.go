package configs_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/rossum-relay/rossum-relay/configs"
)

func TestChanged(t *testing.T) {
	const base = `
queue: {data: data, listen: "127.0.0.1:1", url: "nats://a:1", user: u, password: "${PASSWORD}", keys: ["${KEY}"]}
ingest: {listen: ":1"}
log: {level: info}
alerts: {receivers: {ops: {webhook: {url: "${ALERT}"}}}}
`
	env := map[string]string{
		"PASSWORD": "p1", "KEY": strings.Repeat("A", 43) + "=", "ALERT": "https://alerts.example/1",
	}
	parse := func(text string, env map[string]string) *configs.Config {
		t.Helper()
		cfg, err := configs.Parse("relay.yaml", []byte(text), configs.WithEnv(func(name string) (string, bool) {
			v, ok := env[name]
			return v, ok
		}))
		if err != nil {
			t.Fatal(err)
		}
		if err := cfg.Resolve(configs.RoleWorker); err != nil {
			t.Fatal(err)
		}
		return cfg
	}
	was := parse(base, env)
	replaced := func(pairs ...string) *configs.Config { return parse(strings.NewReplacer(pairs...).Replace(base), env) }
	tests := map[string]struct {
		is   *configs.Config
		want []string
	}{
		"nothing":             {parse(base, env), nil},
		"only moved":          {parse("# a comment\n\n"+base, env), nil},
		"two values":          {replaced("127.0.0.1:1", "127.0.0.1:2", "info", "warn"), []string{"queue.listen", "log.level"}},
		"a section not asked": {replaced(`":1"`, `":2"`), nil},
		"a secret's value":    {parse(base, map[string]string{"PASSWORD": "p2", "KEY": env["KEY"], "ALERT": env["ALERT"]}), []string{"queue.password"}},
		"a list's secret":     {parse(base, map[string]string{"PASSWORD": "p1", "KEY": strings.Repeat("B", 42) + "A=", "ALERT": env["ALERT"]}), []string{"queue.keys"}},
		"below a name":        {parse(base, map[string]string{"PASSWORD": "p1", "KEY": env["KEY"], "ALERT": "https://alerts.example/2"}), []string{"alerts.receivers"}},
		"another name":        {replaced("ops:", "night:"), []string{"alerts.receivers"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := configs.Changed(was, test.is, "queue", "alerts", "log"); !slices.Equal(got, test.want) {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
