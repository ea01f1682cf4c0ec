package config

import (
	"math"
	"time"

	"github.com/saker-security/saker/pkg/deliver/secret"
)

var stdoutKeys = []Key{
	key("stdout_output.enabled", "true", boolean, func(c *Config) *bool { return &c.Outputs.Stdout.Enabled }, "Write alerts to standard output."),
}

var outputFileKeys = []Key{
	key("file_output.enabled", "false", boolean, func(c *Config) *bool { return &c.Outputs.File.Enabled }, "Append alerts to a file."),
	key("file_output.filename", "", text, func(c *Config) *string { return &c.Outputs.File.Settings.Path }, "Name of the file.").
		falco("./events.txt", "in the file that it comes with; without that key it refuses to start, as Saker does"),
	key("file_output.keep_alive", "false", boolean, func(c *Config) *bool { return &c.Outputs.File.Settings.KeepOpen }, "Keep the file open; otherwise it is opened for each batch."),
	key("file_output.max_bytes", "0", size, func(c *Config) *int64 { return &c.Outputs.File.Settings.MaxBytes },
		"Size at which the file is moved away and begun anew, 0 for never.").ours(),
	key("file_output.max_age", "0", duration, func(c *Config) *time.Duration { return &c.Outputs.File.Settings.MaxAge },
		"Age at which the file is moved away and begun anew, 0 for never.").ours(),
	key("file_output.max_backups", "0", integer(0, 100_000), func(c *Config) *int { return &c.Outputs.File.Settings.MaxBackups },
		"How many of the files moved away are kept, 0 for all.").ours(),
	key("file_output.compress", "false", boolean, func(c *Config) *bool { return &c.Outputs.File.Settings.Compress },
		"Pack the files moved away with gzip.").ours(),
}

var syslogKeys = []Key{
	key("syslog_output.enabled", "false", boolean, func(c *Config) *bool { return &c.Outputs.Syslog.Enabled }, "Send alerts to a syslog daemon.").
		falco("true", "in the file that it comes with; containers have no syslog"),
	key("syslog_output.network", "local", choice("local", "udp", "tcp", "tls"), func(c *Config) *string { return &c.Outputs.Syslog.Settings.Network },
		"local: the socket of this machine; udp, tcp, tls: RFC 5424 messages over the network.").ours(),
	key("syslog_output.address", "", text, func(c *Config) *string { return &c.Outputs.Syslog.Settings.Address },
		"host:port for udp, tcp and tls; for local the path of a socket, empty for the usual ones.").ours(),
	key("syslog_output.facility", "user", choice(facilities...), func(c *Config) *string { return &c.Outputs.Syslog.Settings.Facility }, "Facility of the messages.").ours(),
	key("syslog_output.app_name", "saker", text, func(c *Config) *string { return &c.Outputs.Syslog.Settings.AppName }, "Name of the program in the messages.").ours(),
	key("syslog_output.insecure", "false", boolean, func(c *Config) *bool { return &c.Outputs.Syslog.Settings.TLS.Insecure }, "tls: accept any certificate.").ours(),
	key("syslog_output.ca_cert", "", text, func(c *Config) *string { return &c.Outputs.Syslog.Settings.TLS.CAFile },
		"tls: PEM file with the authorities that are trusted, instead of those of the system.").ours(),
	key("syslog_output.client_cert", "", text, func(c *Config) *string { return &c.Outputs.Syslog.Settings.TLS.CertificateFile }, "tls: PEM file with the client's certificate.").ours(),
	key("syslog_output.client_key", "", text, func(c *Config) *string { return &c.Outputs.Syslog.Settings.TLS.KeyFile }, "tls: PEM file with the client's key.").ours(),
	key("syslog_output.server_name", "", text, func(c *Config) *string { return &c.Outputs.Syslog.Settings.TLS.ServerName },
		"tls: name that the server's certificate must have, when it is not the host of the address.").ours(),
}

// facilities are the names of RFC 5424, table 1, as syslog.conf has them.
var facilities = []string{
	"kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
	"local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
}

var httpKeys = []Key{
	key("http_output.enabled", "false", boolean, func(c *Config) *bool { return &c.Outputs.HTTP.Enabled }, "Post alerts to a web server."),
	key("http_output.url", "", webURL, func(c *Config) *secret.Text { return &c.Outputs.HTTP.Settings.URL },
		"Address, or file:PATH of a file that holds it. It is never shown whole, since it may hold a password or a token.").secret().
		also(func(c *Config, v *value) { c.record.http.plain = isPlain(v.scalar) }),
	key("http_output.user_agent", "saker", text, func(c *Config) *string { return &c.Outputs.HTTP.Settings.UserAgent }, "Header User-Agent.").
		falco("falcosecurity/falco", "the server shall see who is there"),
	key("http_output.insecure", "false", boolean, func(c *Config) *bool { return &c.Outputs.HTTP.Settings.TLS.Insecure }, "Accept any certificate of the server."),
	key("http_output.ca_cert", "", text, func(c *Config) *string { return &c.record.http.caCert }, "PEM file with the authority that is trusted. Of ca_cert, ca_bundle and ca_path the first that is set counts."),
	key("http_output.ca_bundle", "", text, func(c *Config) *string { return &c.record.http.caBundle }, "PEM file with the authorities that are trusted."),
	key("http_output.ca_path", "", text, func(c *Config) *string { return &c.record.http.caPath }, "Directory of PEM files with the authorities that are trusted; empty or "+falcoCAPath+" for those of the system.").
		falco(falcoCAPath, "the authorities of the system are elsewhere on some systems, and an image may have none there"),
	key("http_output.mtls", "false", boolean, func(c *Config) *bool { return &c.record.http.mtls }, "Show the server a client certificate."),
	key("http_output.client_cert", "/etc/ssl/certs/client.crt", text, func(c *Config) *string { return &c.record.http.cert }, "PEM file with the client certificate, when mtls is true."),
	key("http_output.client_key", "/etc/ssl/certs/client.key", text, func(c *Config) *string { return &c.record.http.key }, "PEM file with the key of the client certificate."),
	key("http_output.server_name", "", text, func(c *Config) *string { return &c.Outputs.HTTP.Settings.TLS.ServerName },
		"Name that the server's certificate must have, when it is not the host of the address.").ours(),
	key("http_output.echo", "false", boolean, func(c *Config) *bool { return &c.Outputs.HTTP.Settings.Echo }, "Log the answers of the server."),
	key("http_output.compress_uploads", "false", boolean, func(c *Config) *bool { return &c.Outputs.HTTP.Settings.Compress }, "Pack what is sent with gzip."),
	key("http_output.keep_alive", "true", boolean, func(c *Config) *bool { return &c.Outputs.HTTP.Settings.KeepAlive }, "Use a connection for more than one request.").
		falco("false", "a new connection for each alert is slow and loads the server"),
	inert("http_output.max_consecutive_timeouts", "5", integer(0, 255), "How often Falco sent an alert again after time-outs.",
		"an alert is sent until it is delivered, see delivery.attempts and delivery.retry_max"),
	key("http_output.headers", "", headers, func(c *Config) *map[string]secret.Text { return &c.Outputs.HTTP.Settings.Headers },
		"More headers. A value may be file:PATH for the first line of a file. Values are never shown.").secret().ours(),
	key("http_output.template", "", text, func(c *Config) *string { return &c.Outputs.HTTP.Settings.Template },
		"Go text/template for the body of an alert, instead of the alert as JSON or text. It is never shown, since it may hold a token.").secret().ours(),
	key("http_output.template_file", "", text, func(c *Config) *string { return &c.record.http.templateFile }, "File with the template.").ours(),
	key("http_output.array", "false", boolean, func(c *Config) *bool { return &c.Outputs.HTTP.Settings.ArrayBody },
		"Send a JSON array, also of one alert, instead of the bare alert and, for more than one, lines.").ours(),
	key("http_output.follow_redirects", "0", integer(0, 20), func(c *Config) *int { return &c.Outputs.HTTP.Settings.FollowRedirects },
		"How many redirects are followed; 0 takes a redirect for an error.").ours(),
	key("http_output.block_local", "false", boolean, func(c *Config) *bool { return &c.Outputs.HTTP.Settings.BlockLocal },
		"Refuse to connect to link-local addresses, where clouds serve metadata.").ours(),
}

// falcoCAPath is what Falco's own configuration file says; it stands for the authorities of the system.
const falcoCAPath = "/etc/ssl/certs"

var programKeys = []Key{
	key("program_output.enabled", "false", boolean, func(c *Config) *bool { return &c.Outputs.Program.Enabled }, "Write alerts to the standard input of a program."),
	key("program_output.program", "", text, func(c *Config) *string { return &c.Outputs.Program.Settings.Shell },
		"Command line for /bin/sh -c. The text of alerts is only ever on the standard input.").secret(),
	key("program_output.argv", "", texts, func(c *Config) *[]string { return &c.Outputs.Program.Settings.Argv },
		"Program and its arguments, started without a shell; instead of program.").secret().ours(),
	key("program_output.keep_alive", "false", boolean, func(c *Config) *bool { return &c.Outputs.Program.Settings.KeepOpen }, "Keep one process running; otherwise each batch has a process of its own."),
	key("program_output.environment", "", texts, func(c *Config) *[]string { return &c.Outputs.Program.Settings.Environment },
		"Names of environment variables that the program inherits beside PATH, HOME, LANG and TZ.").ours(),
	key("program_output.timeout", "30s", duration, func(c *Config) *time.Duration { return &c.Outputs.Program.Settings.Timeout },
		"How long a process may take for a batch before it is killed with its group.").ours(),
}

var grpcKeys = []Key{
	key("grpc_output.enabled", "false", boolean, func(c *Config) *bool { return &c.record.grpcOutput }, "Offer alerts to gRPC clients, as Falco did up to 0.43; needs grpc.enabled too."),
	key("grpc.enabled", "false", boolean, func(c *Config) *bool { return &c.record.grpcServer }, "Run the gRPC server."),
	key("grpc.bind_address", "unix:///run/falco/falco.sock", grpcAddress, func(c *Config) *string { return &c.Outputs.GRPC.Settings.BindAddress },
		"unix:///PATH, or host:port, which needs the three files below."),
	inert("grpc.threadiness", "0", integer(0, math.MaxInt32), "Threads of the server.", "the server needs no number of threads"),
	key("grpc.private_key", "/etc/falco/certs/server.key", text, func(c *Config) *string { return &c.Outputs.GRPC.Settings.PrivateKey }, "PEM file with the server's key."),
	key("grpc.cert_chain", "/etc/falco/certs/server.crt", text, func(c *Config) *string { return &c.Outputs.GRPC.Settings.CertChain }, "PEM file with the server's certificate chain."),
	key("grpc.root_certs", "/etc/falco/certs/ca.crt", text, func(c *Config) *string { return &c.Outputs.GRPC.Settings.RootCerts }, "PEM file with the authorities of the clients' certificates."),
}
