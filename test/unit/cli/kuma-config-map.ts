// The ConfigMap of Kuma's control plane (2.11 on), as its Helm chart renders it.

/** All that the control plane writes, in its order. */
export const CONFIG_MAP = `cniMode: false
comments:
  disabled: false
dropInvalidPackets: false
ebpf:
  bpffsPath: /run/kuma/bpf
  cgroupPath: /sys/fs/cgroup
  enabled: false
  instanceIP: ""
  instanceIPEnvVarName: ""
  programsSourcePath: /tmp/kuma-ebpf
  tcAttachIface: ""
ipFamilyMode: dualstack
iptablesExecutables:
  ip6tables: ""
  ip6tables-restore: ""
  ip6tables-save: ""
  iptables: ""
  iptables-restore: ""
  iptables-save: ""
kumaDPUser: "5678"
log:
  enabled: false
  level: 7
redirect:
  dns:
    captureAll: true
    enabled: true
    port: 15053
    resolvConfigPath: /etc/resolv.conf
    skipConntrackZoneSplit: false
  inbound:
    enabled: true
    excludePorts: []
    excludePortsForIPs: []
    excludePortsForUIDs: []
    includePorts: []
    insertRedirectInsteadOfAppend: false
    port: 15006
  outbound:
    enabled: true
    excludePorts: []
    excludePortsForIPs: []
    excludePortsForUIDs: []
    includePorts: []
    insertRedirectInsteadOfAppend: false
    port: 15001
  vnet:
    networks: []
retry:
  maxRetries: 4
  sleepBetweenRetries: 2s
storeFirewalld: false
verbose: false
wait: 5
waitInterval: 0
`;
