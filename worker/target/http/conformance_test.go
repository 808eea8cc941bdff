package httptarget_test

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/erpsim"
	"github.com/rossum-relay/rossum-relay/worker/target"
	"github.com/rossum-relay/rossum-relay/worker/target/targettest"
)

func TestConformance(t *testing.T) {
	targettest.Run(t, targettest.Suite{
		Open: openFar,
		Situations: []targettest.Situation{targettest.Refused, targettest.UnknownHost, targettest.BadCredentials, targettest.Slow,
			targettest.ResetBefore, targettest.ResetAfter, targettest.PartialAnswer},
	})
}

func openFar(t *testing.T, s targettest.Situation) targettest.Far {
	opts := erpsim.Options{Bearer: "right-token"}
	if action := map[targettest.Situation]erpsim.Action{
		targettest.Slow: erpsim.HangBefore, targettest.ResetBefore: erpsim.ResetBefore,
		targettest.ResetAfter: erpsim.ResetAfter, targettest.PartialAnswer: erpsim.Truncate,
	}[s]; action != "" {
		opts.Faults = []erpsim.Rule{{Action: action}}
	}
	sim := erpsim.New(opts)
	server := httptest.NewServer(sim)
	t.Cleanup(func() { sim.Close(); server.Close() })

	base, token := server.URL, "right-token"
	switch s {
	case targettest.Refused:
		base = "http://" + closedAddress(t)
	case targettest.UnknownHost:
		base = "http://erp.invalid"
	case targettest.BadCredentials:
		token = "wrong-token"
	}
	return targettest.Far{
		Target: open(t, base, configs.HTTPTarget{Bearer: configs.NewSecret(token)}),
		// The name stands in the path unescaped, which a template never does: the worst case.
		Write: func(name string, body []byte) *target.Request {
			return &target.Request{Method: http.MethodPut, Path: "/api/invoices/" + name, Body: body, ContentType: "text/plain"}
		},
		Applied: func() (bodies [][]byte) {
			for _, e := range sim.Effects() {
				bodies = append(bodies, e.Body)
			}
			return bodies
		},
		Outside: func() bool {
			for _, e := range sim.Effects() {
				if !strings.HasPrefix(e.Path, "/api/invoices/") {
					return true
				}
			}
			return false
		},
	}
}

// closedAddress is one nobody listens on.
func closedAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
