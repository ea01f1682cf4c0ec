package program

// services are the service names that a port can be compared with. The file /etc/services is not read, so that a rule
// means the same on every machine; the table holds the names from IANA's registry that rules speak of.
var services = map[string]uint16{
	"ftp-data": 20, "ftp": 21, "ssh": 22, "telnet": 23, "smtp": 25, "time": 37, "whois": 43, "tacacs": 49,
	"domain": 53, "bootps": 67, "bootpc": 68, "tftp": 69, "gopher": 70, "finger": 79, "http": 80, "www": 80,
	"kerberos": 88, "pop3": 110, "sunrpc": 111, "auth": 113, "nntp": 119, "ntp": 123, "epmap": 135,
	"netbios-ns": 137, "netbios-dgm": 138, "netbios-ssn": 139, "imap2": 143, "imap": 143, "snmp": 161,
	"snmp-trap": 162, "snmptrap": 162, "bgp": 179, "irc": 194, "ldap": 389, "https": 443, "microsoft-ds": 445,
	"kpasswd": 464, "submissions": 465, "exec": 512, "login": 513, "shell": 514, "syslog": 514, "printer": 515,
	"rtsp": 554, "submission": 587, "ipp": 631, "ldaps": 636, "domain-s": 853, "rsync": 873, "ftps-data": 989,
	"ftps": 990, "telnets": 992, "imaps": 993, "pop3s": 995, "socks": 1080, "openvpn": 1194, "ms-sql-s": 1433,
	"ms-sql-m": 1434, "l2f": 1701, "radius": 1812, "radius-acct": 1813, "mqtt": 1883, "nfs": 2049,
	"docker": 2375, "docker-s": 2376, "etcd-client": 2379, "etcd-server": 2380, "mysql": 3306,
	"ms-wbt-server": 3389, "svn": 3690, "epmd": 4369, "sip": 5060, "sips": 5061, "xmpp-client": 5222,
	"xmpp-server": 5269, "mdns": 5353, "postgresql": 5432, "amqps": 5671, "amqp": 5672, "rfb": 5900, "x11": 6000,
	"redis": 6379, "ircs-u": 6697, "http-alt": 8080, "webcache": 8080, "secure-mqtt": 8883, "git": 9418,
	"zabbix-agent": 10050, "zabbix-trapper": 10051,
}
