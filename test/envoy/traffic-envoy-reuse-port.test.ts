import { PROXIES } from "./proxies.ts";
import { testTraffic } from "./traffic.ts";

testTraffic(PROXIES.envoyReusePort);
