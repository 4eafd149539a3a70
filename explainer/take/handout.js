for (const data of document.querySelectorAll('script[data-chart]')) {
  vegaEmbed('#' + data.dataset.chart, JSON.parse(data.textContent), {
    renderer: 'svg', actions: false, logLevel: 1,
    config: { font: 'Source Sans 3, Source Sans Pro, Segoe UI, Helvetica, Arial, sans-serif',
              axis: { labelColor: '#1b1b1f', titleColor: '#1b1b1f' }, legend: { labelColor: '#1b1b1f' } },
  }).catch(console.error);
}
