package event

// Type is the type of a field or of an event parameter. The names that String gives, and the set itself, are those
// of Falco's libraries, since rules, captures and messages speak of them.
type Type uint8

// The types. Numbers are little-endian in the wire format and two's complement where signed.
const (
	TypeNone Type = iota
	TypeString
	TypePath
	TypeRelPath
	TypeBytes
	TypeBool
	TypeInt8
	TypeInt16
	TypeInt32
	TypeInt64
	TypeUint8
	TypeUint16
	TypeUint32
	TypeUint64
	TypeErrno
	TypeFD
	TypePID
	TypeUID
	TypeGID
	TypeSyscallID
	TypeSigType
	TypePort
	TypeL4Proto
	TypeSockFamily
	TypeRelTime
	TypeAbsTime
	TypeFlags8
	TypeFlags16
	TypeFlags32
	TypeEnumFlags8
	TypeEnumFlags16
	TypeEnumFlags32
	TypeMode
	TypeDouble
	TypeIP
	TypeNet
	TypeSockAddr
	TypeSockTuple
	TypeFDList
	TypeSigSet
	TypeDyn
	TypeFD32
	TypePID32
	TypeStringArray
	TypeIPv4
	TypeIPv6
)

// Class groups the types that share operators and the member of Value that holds them.
type Class uint8

// The classes.
const (
	ClassNone Class = iota
	ClassString
	ClassBytes
	ClassBool
	ClassNumber
	ClassIP
	ClassNet
	// ClassParam holds types that only event parameters have; no field does.
	ClassParam
)

type typeInfo struct {
	name   string
	class  Class
	bits   uint8
	signed bool
}

var types = [...]typeInfo{
	TypeNone:        {"NONE", ClassNone, 0, false},
	TypeString:      {"CHARBUF", ClassString, 0, false},
	TypePath:        {"FSPATH", ClassString, 0, false},
	TypeRelPath:     {"FSRELPATH", ClassString, 0, false},
	TypeBytes:       {"BYTEBUF", ClassBytes, 0, false},
	TypeBool:        {"BOOL", ClassBool, 32, false},
	TypeInt8:        {"INT8", ClassNumber, 8, true},
	TypeInt16:       {"INT16", ClassNumber, 16, true},
	TypeInt32:       {"INT32", ClassNumber, 32, true},
	TypeInt64:       {"INT64", ClassNumber, 64, true},
	TypeUint8:       {"UINT8", ClassNumber, 8, false},
	TypeUint16:      {"UINT16", ClassNumber, 16, false},
	TypeUint32:      {"UINT32", ClassNumber, 32, false},
	TypeUint64:      {"UINT64", ClassNumber, 64, false},
	TypeErrno:       {"ERRNO", ClassNumber, 64, true},
	TypeFD:          {"FD", ClassNumber, 64, true},
	TypePID:         {"PID", ClassNumber, 64, true},
	TypeUID:         {"UID", ClassNumber, 32, false},
	TypeGID:         {"GID", ClassNumber, 32, false},
	TypeSyscallID:   {"SYSCALLID", ClassNumber, 16, false},
	TypeSigType:     {"SIGTYPE", ClassNumber, 8, false},
	TypePort:        {"PORT", ClassNumber, 16, false},
	TypeL4Proto:     {"L4PROTO", ClassNumber, 8, false},
	TypeSockFamily:  {"SOCKFAMILY", ClassNumber, 8, false},
	TypeRelTime:     {"RELTIME", ClassNumber, 64, false},
	TypeAbsTime:     {"ABSTIME", ClassNumber, 64, false},
	TypeFlags8:      {"FLAGS8", ClassNumber, 8, false},
	TypeFlags16:     {"FLAGS16", ClassNumber, 16, false},
	TypeFlags32:     {"FLAGS32", ClassNumber, 32, false},
	TypeEnumFlags8:  {"ENUMFLAGS8", ClassNumber, 8, false},
	TypeEnumFlags16: {"ENUMFLAGS16", ClassNumber, 16, false},
	TypeEnumFlags32: {"ENUMFLAGS32", ClassNumber, 32, false},
	TypeMode:        {"MODE", ClassNumber, 32, false},
	TypeDouble:      {"DOUBLE", ClassNumber, 64, true},
	TypeIP:          {"IPADDR", ClassIP, 0, false},
	TypeNet:         {"IPNET", ClassNet, 0, false},
	TypeSockAddr:    {"SOCKADDR", ClassParam, 0, false},
	TypeSockTuple:   {"SOCKTUPLE", ClassParam, 0, false},
	TypeFDList:      {"FDLIST", ClassParam, 0, false},
	TypeSigSet:      {"SIGSET", ClassParam, 0, false},
	TypeDyn:         {"DYNAMIC", ClassParam, 0, false},
	TypeFD32:        {"FD32", ClassNumber, 32, true},
	TypePID32:       {"PID32", ClassNumber, 32, true},
	TypeStringArray: {"CHARBUFARRAY", ClassParam, 0, false},
	TypeIPv4:        {"IPV4ADDR", ClassIP, 0, false},
	TypeIPv6:        {"IPV6ADDR", ClassIP, 0, false},
}

// String gives the name of the type as messages write it, such as CHARBUF.
func (t Type) String() string { return types[t].name }

// Class gives the class of the type.
func (t Type) Class() Class { return types[t].class }

// Bits gives the width of a number in bits, 0 for other types.
func (t Type) Bits() int { return int(types[t].bits) }

// Signed tells whether numbers of the type have a sign.
func (t Type) Signed() bool { return types[t].signed }
