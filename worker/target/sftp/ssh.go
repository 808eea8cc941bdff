package sftptarget

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/rossum-relay/rossum-relay/configs"
	"github.com/rossum-relay/rossum-relay/worker/outcome"
	"github.com/rossum-relay/rossum-relay/worker/target/files"
)

// newSSHConfig makes the client's side of the handshake. Host keys are the pinned ones and no others.
func newSSHConfig(cfg configs.SFTPTarget) (*ssh.ClientConfig, error) {
	keys, err := parseHostKeys(cfg.HostKeys)
	if err != nil {
		return nil, err
	}
	auth, err := newAuth(cfg)
	if err != nil {
		return nil, err
	}
	return &ssh.ClientConfig{
		User: cfg.Username, Auth: auth, ClientVersion: "SSH-2.0-rossum-relay",
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			for _, known := range keys {
				if bytes.Equal(known.Marshal(), key.Marshal()) {
					return nil
				}
			}
			return outcome.Errorf(outcome.Misconfigured, "host_key",
				"the server's host key is not one of host_keys: %s %s; nothing was sent, compare it with what the partner published",
				key.Type(), ssh.FingerprintSHA256(key))
		},
		HostKeyAlgorithms: hostKeyAlgorithms(keys),
	}, nil
}

func parseHostKeys(lines []string) ([]ssh.PublicKey, error) {
	var keys []ssh.PublicKey
	for i, line := range lines {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
		if err != nil {
			return nil, fmt.Errorf("host_keys[%d] is not of the form ssh-ed25519 AAAA", i)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, errors.New("host_keys are needed: ssh-keyscan shows them, the partner confirms them")
	}
	return keys, nil
}

// hostKeyAlgorithms makes the server show the kind of key that is pinned. Keys of RSA sign with SHA-2 (RFC 8332).
func hostKeyAlgorithms(keys []ssh.PublicKey) []string {
	var list []string
	for _, key := range keys {
		if key.Type() == ssh.KeyAlgoRSA {
			list = append(list, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
			continue
		}
		list = append(list, key.Type())
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// newAuth offers the key, then the password; the latter also where the server asks for it in a dialogue.
func newAuth(cfg configs.SFTPTarget) ([]ssh.AuthMethod, error) {
	var methods []ssh.AuthMethod
	if !cfg.PrivateKey.IsZero() {
		signer, err := parsePrivateKey(cfg)
		if err != nil {
			return nil, err
		}
		methods = append(methods, ssh.PublicKeys(signer))
	}
	if !cfg.Password.IsZero() {
		password := cfg.Password.Reveal
		methods = append(methods, ssh.PasswordCallback(func() (string, error) { return password(), nil }),
			ssh.KeyboardInteractive(func(_, _ string, questions []string, echos []bool) ([]string, error) {
				answers := make([]string, len(questions))
				for i := range questions {
					if !echos[i] { // a password is never asked for in the open
						answers[i] = password()
					}
				}
				return answers, nil
			}))
	}
	if len(methods) == 0 {
		return nil, errors.New("password or private_key is needed")
	}
	return methods, nil
}

// parsePrivateKey reads the key. The parser's own errors may hold parts of it.
func parsePrivateKey(cfg configs.SFTPTarget) (ssh.Signer, error) {
	pem := []byte(cfg.PrivateKey.Reveal())
	var missing *ssh.PassphraseMissingError
	signer, err := ssh.ParsePrivateKey(pem)
	switch {
	case err == nil:
		return signer, nil
	case !errors.As(err, &missing):
		return nil, errors.New("private_key is not a private key in PEM or OpenSSH form")
	case cfg.Passphrase.IsZero():
		return nil, errors.New("private_key is encrypted: passphrase is needed")
	}
	if signer, err = ssh.ParsePrivateKeyWithPassphrase(pem, []byte(cfg.Passphrase.Reveal())); err != nil {
		return nil, errors.New("private_key cannot be decrypted: is passphrase right?")
	}
	return signer, nil
}

// handshakeError names what went wrong before the first request: nothing was applied.
func handshakeError(err error) error {
	var known *outcome.Error
	var negotiation *ssh.AlgorithmNegotiationError
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &negotiation) && negotiation.What == "host key":
		return outcome.Errorf(outcome.Misconfigured, "host_key", "the server has no host key of the kinds in host_keys")
	case errors.As(err, &negotiation):
		return outcome.Errorf(outcome.Misconfigured, "algorithms", "the server and the relay have no %s algorithm in common", negotiation.What)
	case strings.Contains(err.Error(), "unable to authenticate"): // of x/crypto/ssh, without a type
		return outcome.Errorf(outcome.Reauth, "credentials", "the user name, password or key was refused")
	}
	return files.NetworkError(err)
}
