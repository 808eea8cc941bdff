package alert

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/big"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/metrics"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/queue"
	"github.com/rossum-relay/rossum-relay/worker/target/limits"
)

var update = flag.Bool("update", false, "write golden files")

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; got:\n%s", file, got)
	}
}

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// all is what every rule finds.
func all() []Alert {
	f := facts{now: noon}
	f.Snapshot = metrics.Snapshot{
		At: noon,
		Health: queue.Health{
			Events: queue.StreamHealth{Bytes: 900, Limit: 1000}, Stored: 10, StoreLimit: 1000, Disk: queue.DiskHealth{Free: 15, Size: 100},
			Lanes: []queue.LaneHealth{
				{LaneState: queue.LaneState{Lane: "invoice", Waiting: 11, InWork: 1}, Oldest: noon.Add(-2 * time.Hour)},
				{LaneState: queue.LaneState{Lane: "fresh", Waiting: 1}, Oldest: noon.Add(-time.Minute)},
			},
		},
		Breakers: []limits.State{{Target: "coupa", Open: true, Why: "http_503"}, {Target: "sap"}},
	}
	f.letters = []cause{
		{id: "abc", pipeline: "invoice", step: "draft", target: "coupa", reason: "http_400", outcome: outcome.Rejected, count: 3},
		{id: "def", pipeline: "invoice", step: "codes", reason: "template", outcome: outcome.Misconfigured, count: 1},
		{id: "ghi", pipeline: "invoice", reason: "poison", outcome: outcome.Misconfigured, count: 1},
	}
	f.findings = []Finding{
		{"lost_message", 1, "run1"}, {"overdue_schedule", 2, "run2"}, {"removed_pipeline", 3, "old"}, {"no_consumer", 4, ""}, {"other", 5, "x"},
	}
	return judge(configs.Alerts{
		DeadLetters: true, Sweeper: true, QueueFull: 80, BacklogAge: configs.Duration(30 * time.Minute), BreakerOpen: configs.Duration(15 * time.Minute),
	}, f)
}

func TestRules(t *testing.T) {
	got, err := json.MarshalIndent(all(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/rules.json", append(got, '\n'))
	if off := judge(configs.Alerts{}, facts{letters: []cause{{}}, findings: []Finding{{}}}); len(off) > 0 {
		t.Errorf("rules that are off find %v", off)
	}
}

func TestMoreCausesThanOneCanRead(t *testing.T) {
	causes := make([]cause, 250)
	for i := range causes {
		causes[i].id = fmt.Sprint(i)
	}
	if got := judgeLetters(causes); len(got) != 101 || !strings.Contains(got[100].Summary, "150 more causes") {
		t.Errorf("%d alerts, the last %+v", len(got), got[len(got)-1])
	}
}

// notice is one of everything.
func notice() Notice {
	n := Notice{Version: 1, Relay: "https://relay.example", At: noon}
	for i, a := range all() {
		t := Told{Alert: a, State: Firing, Since: noon.Add(-time.Hour)}
		switch i {
		case 1:
			t.Again = true
		case 2:
			t.State, t.Resolved = Resolved, noon
		}
		n.Alerts = append(n.Alerts, t)
	}
	n.Alerts[0].Summary += " <@channel> & `č`"
	return n
}

func TestSlackText(t *testing.T) {
	one := notice()
	one.Alerts = one.Alerts[:1]
	golden(t, "testdata/slack.txt", []byte(slackText(notice())+"\n\n"+slackText(one)+"\n"))
}

func TestWebhookBody(t *testing.T) {
	got, err := json.MarshalIndent(notice(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/webhook.json", append(got, '\n'))
}

// mailServer is as much of a mail server as it takes.
type mailServer struct {
	net.Listener
	tls      *tls.Config // nil: it offers none
	implicit bool
	refuse   string        // the command it answers 550
	took     chan []string // commands, the mail as the last one
}

func (s *mailServer) serve() {
	for {
		conn, err := s.Accept()
		if err != nil {
			return
		}
		s.took <- s.talk(conn)
	}
}

func (s *mailServer) talk(conn net.Conn) (took []string) {
	defer conn.Close()
	if s.implicit {
		conn = tls.Server(conn, s.tls)
	}
	r := bufio.NewReader(conn)
	say := func(line string) { _, _ = fmt.Fprintf(conn, "%s\r\n", line) }
	say("220 mail.example")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return took
		}
		line = strings.TrimSpace(line)
		took = append(took, line)
		word, _, _ := strings.Cut(line, " ")
		switch {
		case s.refuse != "" && strings.HasPrefix(line, s.refuse):
			say("550 no")
		case word == "EHLO" && s.tls != nil && !s.implicit:
			say("250-mail.example\r\n250-STARTTLS\r\n250 AUTH PLAIN")
		case word == "EHLO":
			say("250-mail.example\r\n250 AUTH PLAIN")
		case word == "STARTTLS":
			say("220 go on")
			conn = tls.Server(conn, s.tls)
			r = bufio.NewReader(conn)
		case word == "DATA":
			say("354 go on")
			var mail strings.Builder
			for line := ""; line != ".\r\n"; line, _ = r.ReadString('\n') {
				mail.WriteString(line)
			}
			took = append(took, mail.String())
			say("250 ok")
		case word == "AUTH":
			say("235 ok")
		case word == "QUIT":
			say("221 bye")
			return took
		default:
			say("250 ok")
		}
	}
}

func startMail(t *testing.T, s *mailServer) *mailServer {
	t.Helper()
	var err error
	if s.Listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	s.took = make(chan []string, 1)
	ended := make(chan struct{})
	go func() { s.serve(); close(ended) }()
	t.Cleanup(func() { _ = s.Close(); <-ended })
	return s
}

func (s *mailServer) mailer(change func(*configs.SMTPReceiver)) *mailer {
	m := &mailer{cfg: configs.SMTPReceiver{
		Address: s.Addr().String(), Encryption: "none", From: "Relay <relay@acme.example>", Recipients: []string{"ap@acme.example", "Účtárna <ucto@acme.example>"}, Private: true,
	}}
	change(&m.cfg)
	return m
}

// certificate is a self-signed one for 127.0.0.1.
func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}, pool
}

func TestMail(t *testing.T) {
	secure, pool := certificate(t)
	login := func(c *configs.SMTPReceiver) { c.Username, c.Password = "relay", configs.NewSecret("mail-secret") }
	for name, test := range map[string]struct {
		server mailServer
		change func(*configs.SMTPReceiver)
		want   string // commands
	}{
		"none":     {mailServer{}, func(*configs.SMTPReceiver) {}, "EHLO MAIL RCPT RCPT DATA"},
		"starttls": {mailServer{tls: secure}, func(c *configs.SMTPReceiver) { login(c); c.Encryption = "starttls" }, "EHLO STARTTLS EHLO AUTH MAIL RCPT RCPT DATA"},
		"tls":      {mailServer{tls: secure, implicit: true}, func(c *configs.SMTPReceiver) { login(c); c.Encryption = "tls" }, "EHLO AUTH MAIL RCPT RCPT DATA"},
	} {
		t.Run(name, func(t *testing.T) {
			s := startMail(t, &test.server)
			m := s.mailer(test.change)
			m.roots = pool
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if err := m.Send(ctx, notice()); err != nil {
				t.Fatal(err)
			}
			took := <-s.took
			var words []string
			var text string
			for _, line := range took {
				if strings.HasPrefix(line, "From: ") {
					text = line
					break
				}
				word, rest, _ := strings.Cut(line, " ")
				words = append(words, word)
				if word == "AUTH" && rest != "PLAIN "+base64.StdEncoding.EncodeToString([]byte("\x00relay\x00mail-secret")) {
					t.Errorf("login %q", rest)
				}
			}
			if got := strings.Join(words, " "); got != test.want {
				t.Errorf("said %q, want %q", got, test.want)
			}
			checkMail(t, text)
		})
	}
}

func checkMail(t *testing.T, text string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || subject != "[rossum-relay] 11 alerts, 1 resolved" {
		t.Errorf("subject %q, %v", subject, err)
	}
	if to, err := m.Header.AddressList("To"); err != nil || len(to) != 2 || to[1].Name != "Účtárna" {
		t.Errorf("to %v, %v", to, err)
	}
	if _, err := m.Header.Date(); err != nil {
		t.Error(err)
	}
	body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/mail.txt", bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")))
}

func TestMailThatIsNotTaken(t *testing.T) {
	secure, _ := certificate(t)
	for name, test := range map[string]struct {
		server mailServer
		change func(*configs.SMTPReceiver)
		want   string
	}{
		"no STARTTLS":         {mailServer{}, func(c *configs.SMTPReceiver) { c.Encryption = "starttls" }, "has no STARTTLS"},
		"unknown certificate": {mailServer{tls: secure}, func(c *configs.SMTPReceiver) { c.Encryption = "starttls" }, "certificate"},
		"unknown recipient":   {mailServer{refuse: "RCPT TO:<ucto"}, func(*configs.SMTPReceiver) {}, "recipient: 550"},
		"refused sender":      {mailServer{refuse: "MAIL"}, func(*configs.SMTPReceiver) {}, "sender: 550"},
	} {
		t.Run(name, func(t *testing.T) {
			s := startMail(t, &test.server)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			err := s.mailer(test.change).Send(ctx, notice())
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
			<-s.took
		})
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		15 * time.Minute: "15m", 2 * time.Hour: "2h", 90 * time.Minute: "1h30m", 31*time.Minute + 20*time.Second: "31m", 10 * time.Second: "10s",
	} {
		if got := short(d); got != want {
			t.Errorf("%s is %q, want %q", d, got, want)
		}
	}
}
