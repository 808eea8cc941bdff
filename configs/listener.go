package configs

// ServerTLS makes a listener serve https. The files may be replaced while the relay runs: it takes up whole new ones
// within seconds, and keeps the old ones while the new ones are broken.
type ServerTLS struct {
	// Cert is the certificate with its chain, a PEM file.
	Cert string `yaml:"cert" file:"true"`
	// Key is the private key of cert, unencrypted.
	Key string `yaml:"key" file:"true"`
	// ClientCA holds the certificates, or their authorities, one of which a caller of a hook must show: the one given to Rossum as client_ssl_certificate. Without it none is asked for.
	ClientCA string `yaml:"client_ca" file:"true"`
}

func (v *validator) serverTLS(path string, t ServerTLS) {
	v.tls(path, TLS{Cert: t.Cert, Key: t.Key})
	if t.ClientCA != "" && t.Cert == "" {
		v.wrong(path+".client_ca", "certificates of callers are seen only where the relay itself serves https", "add cert and key; a proxy in front must check them itself")
	}
}
