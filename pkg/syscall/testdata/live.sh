# What happens while testdata/live.rec.gz is recorded: run by TestRecord in an empty directory, as root.
cat /etc/shadow > /dev/null
cat /etc/no-such-file 2> /dev/null || true
echo '# made while recording' > /etc/saker-recording.conf
rm /etc/saker-recording.conf
cp /bin/sh ./nginx
./nginx -c 'sh -c "id > /dev/null; :"; :'
cp /bin/true ./apt-get
./apt-get update
curl -s -m 1 http://127.0.0.1:9/ || true
cd /etc && cat ./hostname > /dev/null; cd - > /dev/null

# A container of runc with a terminal.
mkdir -p box/rootfs/bin box/rootfs/etc box/rootfs/proc box/rootfs/tmp
cp /bin/busybox box/rootfs/bin/
ln -s busybox box/rootfs/bin/sh
echo 'boxroot:x:0:0::/:/bin/sh' > box/rootfs/etc/passwd
cd box
runc spec
sed -i -e 's|"sh"|"/bin/sh", "-c", "busybox id; busybox cat /etc/passwd; echo x > /tmp/made; exit"|' \
	-e 's|"readonly": true|"readonly": false|' \
	-e 's|"linux": {|"linux": { "cgroupsPath": "/docker/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",|' config.json
script -qec 'runc run saker-recording' /dev/null > /dev/null
