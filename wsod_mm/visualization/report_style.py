"""The report's style sheet. It lives in Python so that an installed package needs no data file for it."""

__all__ = ['STYLE']

STYLE = """
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#1b1f27;--soft:#5b6472;--line:#dde1e8;--bar:#bfd7f6;
--best:#0b6b3a;
--c0:#1f6fd1;--c1:#d2540c;--c2:#0d8a64;--c3:#9b3fae;--c4:#8a6d00;--c5:#57606f}
@media (prefers-color-scheme:dark){:root{--bg:#12151b;--card:#1a1e26;--ink:#e9ecf1;--soft:#a3acba;--line:#303744;
--bar:#274a78;
--best:#6fdca2;--c0:#6db0ff;--c1:#ff9a5c;--c2:#45d3a3;--c3:#dc8fee;--c4:#e3c341;--c5:#aab3c2}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--bg);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
header,main,footer{max-width:1180px;margin:0 auto;padding:0 clamp(14px,3vw,32px)}
header{padding-top:clamp(24px,5vw,56px)}
h1{font-size:clamp(1.6rem,4.5vw,2.5rem);line-height:1.15;margin:0 0 .5rem;letter-spacing:-.015em}
h2{font-size:1.3rem;line-height:1.25;margin:0 0 .35rem}
h3{font-size:1rem;margin:1.4rem 0 .4rem}
p{margin:.35rem 0 .9rem;max-width:46rem}
.lead{font-size:1.08rem;color:var(--soft)}
section{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:clamp(14px,2.5vw,28px);
margin:22px 0}
small,.soft{color:var(--soft)}
code{font:.88em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
pre{background:var(--bg);border:1px solid var(--line);border-radius:8px;padding:10px 12px;overflow-x:auto}
.facts{display:flex;flex-wrap:wrap;gap:8px;padding:0;margin:16px 0 0;list-style:none}
.facts li{background:var(--card);border:1px solid var(--line);border-radius:999px;padding:3px 12px;font-size:.9rem}
.facts b{font-variant-numeric:tabular-nums}
.scroll{overflow-x:auto;margin:0 -4px;padding:0 4px}
.scroll:focus-visible{outline:2px solid var(--c0);outline-offset:2px;border-radius:6px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--soft);font-size:.9rem;padding-bottom:6px}
th,td{padding:7px 10px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
thead th{color:var(--soft);font-size:.85rem;font-weight:600;vertical-align:bottom;white-space:normal}
th:first-child,td:first-child{text-align:left}
tbody th{font-weight:500}
.methods tbody th{white-space:normal;min-width:9rem}
tbody th small{display:block;font-weight:400;line-height:1.3}
tr.chance th,tr.chance td{color:var(--soft)}
tr.mean th,tr.mean td{font-weight:650;border-bottom:0}
td.v{background:linear-gradient(var(--bar),var(--bar)) no-repeat left 4px center/calc(var(--p)*(100% - 8px)) 74%}
td.best{font-weight:700;color:var(--best)}
td .pm{color:var(--soft);font-size:.85em;font-weight:400}
.grid2{display:grid;gap:24px 36px;grid-template-columns:repeat(auto-fill,minmax(min(100%,400px),1fr))}
figure{margin:0}
figcaption{font-weight:600;margin-bottom:4px}
.chart svg{width:100%;height:auto;display:block}
.chart text{font:12px system-ui,sans-serif;fill:var(--soft)}
.chart .grid{stroke:var(--line)}
.line{fill:none;stroke:currentColor;stroke-width:2;stroke-linejoin:round}
.dot{fill:currentColor}
.c0{color:var(--c0)}.c1{color:var(--c1)}.c2{color:var(--c2)}.c3{color:var(--c3)}.c4{color:var(--c4)}
.c5{color:var(--c5)}
.legend{display:flex;flex-wrap:wrap;gap:2px 16px;list-style:none;margin:4px 0 0;padding:0;font-size:.86rem;
color:var(--soft)}
.legend svg{width:26px;height:8px;display:inline-block;vertical-align:middle;margin-right:6px}
.gallery{display:grid;gap:26px 28px;grid-template-columns:repeat(auto-fit,minmax(min(100%,480px),1fr));
margin-top:14px}
.shots{display:grid;gap:8px;grid-template-columns:repeat(auto-fit,minmax(132px,1fr))}
.gallery figcaption{font-weight:500;font-size:.86rem;color:var(--soft)}
.shot h4{margin:0 0 3px;font-size:.84rem;font-weight:600}
.shot svg{width:100%;height:auto;display:block;border-radius:6px;background:#000}
.shot img{width:100%;height:auto;display:block;border-radius:6px}
.gallery.rows{grid-template-columns:minmax(0,1fr)}
.rows .shots{grid-template-columns:repeat(auto-fill,minmax(min(46%,170px),1fr))}
.rows .shot img{width:auto;max-width:100%;max-height:250px}
@media (min-width:820px){.rows .shots{grid-template-columns:repeat(var(--n),minmax(0,1fr))}}
.rows .shot h4 span{color:var(--soft);font-weight:400}
.shot rect{fill:none;vector-effect:non-scaling-stroke}
.halo{stroke:#000;stroke-opacity:.75;stroke-width:4.4px}
.edge{stroke-width:2.2px}
.dash{stroke-dasharray:5 4}
.chips{list-style:none;margin:4px 0 0;padding:0;font-size:.8rem;line-height:1.45}
.chips i{display:inline-block;width:.75em;height:.75em;border-radius:2px;margin-right:.45em;
border:1px solid rgba(0,0,0,.45)}
.key{display:flex;flex-wrap:wrap;gap:4px 16px;list-style:none;padding:0;margin:8px 0 0;font-size:.88rem}
.key i{display:inline-block;width:.8em;height:.8em;border-radius:2px;margin-right:.4em;
border:1px solid rgba(0,0,0,.45)}
.plot{display:block;width:100%;max-width:860px;height:auto;border-radius:8px;background:#fff}
details{border-top:1px solid var(--line);padding:10px 0}
summary{cursor:pointer;font-weight:600}
.thumbs{display:grid;gap:10px;grid-template-columns:repeat(auto-fill,minmax(112px,1fr))}
.thumbs img,.thumbs .gone{display:block;width:100%;aspect-ratio:4/3;object-fit:cover;border-radius:6px;
background:var(--line)}
.thumbs .gone{display:grid;place-items:center;color:var(--soft);font-size:.8rem}
.thumbs figcaption{font-weight:400;font-size:.74rem;line-height:1.3;color:var(--soft);margin:3px 0 0;
overflow-wrap:anywhere}
.swatch{display:inline-block;width:.7em;height:.7em;border-radius:50%;margin-right:.5em}
footer{color:var(--soft);font-size:.88rem;padding-bottom:40px}
@media (max-width:560px){th,td{padding:6px 5px}.scroll table{font-size:.88rem}thead th{font-size:.78rem}
.methods tbody th{min-width:6.2rem}td .pm{display:block;line-height:1.1}td:last-child{white-space:normal}
tbody th small{font-size:.74rem}}
@media print{section{break-inside:avoid;border-color:#bbb}}
""".strip()
