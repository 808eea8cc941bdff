package httptarget

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/rossum-relay/rossum-relay/configs"
)

const (
	// assertionLife is how long an assertion is good: servers refuse long ones, as it is used at once.
	assertionLife = 3 * time.Minute
	// assertionSkew is how far a server's clock may be behind ours.
	assertionSkew = 10 * time.Second
)

// assertion signs JWTs that say who the client is (RFC 7523).
type assertion struct {
	method jwt.SigningMethod
	key    *rsa.PrivateKey
	id     string
	claims jwt.MapClaims
}

// newAssertion reads the key. The client is issuer and subject and the token endpoint the audience, unless the claims say
// otherwise.
func newAssertion(cfg configs.JWTAssertion, client, audience string) (*assertion, error) {
	a := &assertion{id: cfg.KeyID, claims: jwt.MapClaims{"aud": audience}}
	switch cfg.Algorithm {
	case "", "RS256":
		a.method = jwt.SigningMethodRS256
	case "PS256":
		a.method = jwt.SigningMethodPS256
	default:
		return nil, fmt.Errorf("oauth2.jwt.algorithm %s is neither RS256 nor PS256", cfg.Algorithm)
	}
	var err error
	if a.key, err = jwt.ParseRSAPrivateKeyFromPEM([]byte(cfg.Key.Reveal())); err != nil {
		return nil, errors.New("oauth2.jwt.key is no RSA private key in PEM form, unencrypted")
	}
	if client != "" {
		a.claims["iss"], a.claims["sub"] = client, client
	}
	for _, c := range cfg.Claims {
		a.claims[c.Name] = c.Value.Value()
	}
	return a, nil
}

// String is all but the key.
func (a *assertion) String() string {
	claims, _ := json.Marshal(a.claims) // of YAML values: cannot fail
	return a.method.Alg() + " " + a.id + " " + string(claims)
}

// sign makes an assertion that is good from now, once.
func (a *assertion) sign(now time.Time) (string, error) {
	claims := maps.Clone(a.claims)
	claims["iat"], claims["exp"], claims["jti"] = now.Add(-assertionSkew).Unix(), now.Add(assertionLife).Unix(), rand.Text()
	t := jwt.NewWithClaims(a.method, claims)
	if a.id != "" {
		t.Header["kid"] = a.id
	}
	return t.SignedString(a.key)
}
