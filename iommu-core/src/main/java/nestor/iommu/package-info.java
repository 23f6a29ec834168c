/**
 * What every IOMMU model needs and no architecture defines. Called by the models, on the threads of
 * endpoints that do DMA and on the model's own loop.
 */
package nestor.iommu;
