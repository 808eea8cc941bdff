package configs_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
)

const receivers = small + `
alerts:
  backlog_age: 0
  receivers:
    on-call: {webhook: {url: "${ALERT_URL}", headers: {authorization: "Bearer ${ALERT_TOKEN}"}}}
    team: {slack: {url: "${ALERT_URL}", private: true}}
    mail: {smtp: {address: "mail.acme.example:587", username: relay, password: "${P}", from: relay@acme.example, recipients: [ap@acme.example]}}
`

func TestReceivers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "relay.yaml")
	if err := os.WriteFile(file, []byte(receivers), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := configs.Load(file, every("secret"))
	if err != nil {
		t.Fatal(err)
	}
	a := cfg.Alerts
	if a.BacklogAge != 0 || a.BreakerOpen.D() != 15*time.Minute || !a.DeadLetters || !a.Sweeper || a.QueueFull != 80 {
		t.Errorf("defaults: %+v", a)
	}
	if cfg.Metrics.Listen != "127.0.0.1:9464" || cfg.Traces.Sample != 100 {
		t.Errorf("defaults: %+v %+v", cfg.Metrics, cfg.Traces)
	}
	if m, _ := a.Receivers.Get("mail"); m.SMTP.Encryption != "starttls" {
		t.Errorf("encryption %q", m.SMTP.Encryption)
	}
	if err := cfg.Resolve(configs.RoleWorker); err != nil {
		t.Fatal(err)
	}
	hook, _ := a.Receivers.Get("on-call")
	if header, _ := hook.Webhook.Headers.Get("authorization"); header.Reveal() != "Bearer secret" {
		t.Errorf("header %s", header.Reveal())
	}
}

// TestReceiversAreTheWorkers: an ingest in the DMZ needs none of their secrets.
func TestReceiversAreTheWorkers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "relay.yaml")
	if err := os.WriteFile(file, []byte(receivers), 0o600); err != nil {
		t.Fatal(err)
	}
	without := configs.WithEnv(func(name string) (string, bool) {
		return "secret", name != "ALERT_URL" && name != "ALERT_TOKEN" && name != "P"
	})
	cfg, err := configs.Load(file, without, configs.WithRoles(configs.RoleIngest))
	if err != nil {
		t.Fatal(err)
	}
	if err := cfg.Resolve(configs.RoleIngest); err != nil {
		t.Error(err)
	}
}
