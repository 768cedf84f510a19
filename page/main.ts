import cytoscape from "cytoscape";
import dagre from "@dagrejs/dagre";
import uPlot from "uplot";
import { Tabulator, SortModule, FormatModule, FilterModule, InteractionModule, ResizeColumnsModule, ResizeTableModule, FrozenColumnsModule } from "tabulator-tables";
Tabulator.registerModule([SortModule, FormatModule, FilterModule, InteractionModule, ResizeColumnsModule, ResizeTableModule, FrozenColumnsModule]);
console.log(cytoscape, dagre, uPlot, Tabulator, document.body);
